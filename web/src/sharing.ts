import { watchBattery } from "./battery";
import type { Fix } from "./channel";
import type { Clock } from "./clock";
import { type LocationProblem, type LocationWatch, watchLocation } from "./geolocation";
import { type Permission, watchPermission } from "./permission";
import { keepAwake } from "./wake-lock";

/** `searching`: no fix yet. `app`, `elsewhere`: a tracker app or another tab shares instead of this page. */
export type SharingPhase = "off" | "searching" | "on" | "app" | "elsewhere" | "paused" | LocationProblem;

export interface Sharing {
  readonly phase: SharingPhase;
  /** When the device determined the newest position. */
  readonly foundAt: number | null;
  /** In metres; null where the device does not report it. */
  readonly accuracy: number | null;
  /** The browser is showing its permission prompt; false where it does not say. */
  readonly isPrompting: boolean;
  start(): void;
  /** Leaves sharing to an app or another tab. Sends no "stopped", which would remove the position. */
  handOver(to: "app" | "elsewhere"): void;
  pause(): void;
  stop(): void;
  /** The page closes. Sends no status. */
  dispose(): void;
  /** Sends the newest position again, over a new connection. */
  resend(): void;
  /** Requests a new position, after the page was in the background. */
  refresh(): void;
}

interface SharingOptions {
  clock: Clock;
  onFix(fix: Fix, takenAt: number): void;
  onPhase(phase: SharingPhase): void;
}

/** These may end by themselves, so the page keeps requesting the position. */
const TEMPORARY_PROBLEMS: ReadonlySet<SharingPhase> = new Set(["no_gps", "quiet"]);

/** Shares one's own position. Only `start` begins it. */
export function createSharing({ clock, onFix, onPhase }: SharingOptions): Sharing {
  let phase: SharingPhase = "off";
  let watch: LocationWatch | null = null;
  let releaseWakeLock = () => {};
  let batteryLevel: () => number | undefined = () => undefined;
  let newest: { foundAt: number; accuracy: number | null } | null = null;
  let permission: Permission | null = null;

  const enter = (next: SharingPhase) => {
    if (phase === next) return;
    phase = next;
    onPhase(phase);
  };
  const release = () => {
    watch?.stop();
    watch = null;
    newest = null;
    releaseWakeLock();
    releaseWakeLock = () => {};
  };
  const report = (fix: Fix, takenAt: number) => {
    newest = { foundAt: takenAt, accuracy: fix.accuracy ?? null };
    enter("on");
    const battery = batteryLevel();
    onFix(battery === undefined ? fix : { ...fix, battery }, takenAt);
  };
  const onProblem = (problem: LocationProblem) => {
    if (!TEMPORARY_PROBLEMS.has(problem)) release();
    enter(problem);
  };

  const begin = () => {
    const { isSecureContext: isSecure } = window;
    watch = watchLocation({ clock, geolocation: navigator.geolocation, isSecure, onFix: report, onProblem });
    // The problem may have been reported before `watch` was assigned.
    if (isRefused(phase)) release();
  };
  const start = () => {
    if (watch) return;
    enter("searching");
    releaseWakeLock = keepAwake();
    void watchBattery().then((level) => {
      batteryLevel = level;
    });
    begin();
  };
  const refresh = () => {
    if (!watch) return;
    watch.stop();
    begin();
  };
  const noticePermission = (state: PermissionState) => {
    if (state === "granted" && phase === "denied") start();
    if (!watch || state === "granted") return;
    if (state === "denied") onProblem("denied");
    // The permission was reset to "prompt": the old watch may stay silent for ever.
    else refresh();
  };

  return {
    get phase() {
      return phase;
    },
    get foundAt() {
      return newest?.foundAt ?? null;
    },
    get accuracy() {
      return newest?.accuracy ?? null;
    },
    get isPrompting() {
      return phase === "searching" && permission?.state === "prompt";
    },
    start() {
      permission ??= watchPermission(noticePermission);
      start();
    },
    handOver(to) {
      release();
      enter(to);
    },
    pause() {
      release();
      enter("paused");
    },
    stop() {
      release();
      enter("off");
    },
    dispose() {
      release();
      permission?.stop();
    },
    resend() {
      watch?.resend();
    },
    refresh() {
      if (phase === "denied" && permission?.state === "granted") start();
      refresh();
    },
  };
}

export function isRefused(phase: SharingPhase): phase is "denied" | "insecure" | "unsupported" {
  return phase === "denied" || phase === "insecure" || phase === "unsupported";
}
