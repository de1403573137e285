import { watchBattery } from "./battery";
import type { Fix } from "./channel";
import type { Clock } from "./clock";
import { type LocationProblem, type LocationWatch, watchLocation } from "./geolocation";
import { type Permission, watchPermission } from "./permission";
import { keepAwake } from "./wake-lock";

/** `searching`: asked for, no fix yet. `app`, `elsewhere`: a tracker app or another tab shares, and this page does not. */
export type SharingPhase = "off" | "searching" | "on" | "app" | "elsewhere" | "paused" | LocationProblem;

export interface Sharing {
  readonly phase: SharingPhase;
  /** Of the newest position: when the device found it. */
  readonly foundAt: number | null;
  /** In metres, as far as the device tells. */
  readonly accuracy: number | null;
  /** The browser is asking the person, as far as it tells. */
  readonly isPrompting: boolean;
  start(): void;
  /** Leaves the sharing to an app or another tab: no word that it ends here, or the position would be gone meanwhile. */
  handOver(to: "app" | "elsewhere"): void;
  pause(): void;
  stop(): void;
  /** The page goes: no word about it. */
  dispose(): void;
  /** Tells the newest place once more, to a connection that is new. */
  resend(): void;
  /** Asks for the place anew, after the page has been away. */
  refresh(): void;
}

interface SharingOptions {
  clock: Clock;
  onFix(fix: Fix, takenAt: number): void;
  onPhase(phase: SharingPhase): void;
}

/** These may pass by themselves, so the position is still asked for. */
const TEMPORARY_PROBLEMS: ReadonlySet<SharingPhase> = new Set(["no_gps", "quiet"]);

/** Sharing one's own place: begins with `start` and with nothing else. */
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
    // A refusal may already have come, before there was a watch to take back.
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
    // Taken away, and to be asked for again: a watch of before may go on without a word.
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
