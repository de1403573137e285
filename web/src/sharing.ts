import { watchBattery } from "./battery";
import type { Fix } from "./channel";
import type { Clock } from "./clock";
import { type LocationWatch, type Trouble, watchLocation } from "./geolocation";
import { keepAwake } from "./wake-lock";

/** `searching`: asked for, no fix yet. `app`, `elsewhere`: a tracker app or another tab shares, and this page does not. */
export type SharingPhase = "off" | "searching" | "on" | "app" | "elsewhere" | "paused" | Trouble;

export interface Sharing {
  readonly phase: SharingPhase;
  start(): void;
  /** Leaves the sharing to an app or another tab: no word that it ends here, or the position would be gone meanwhile. */
  handOver(to: "app" | "elsewhere"): void;
  pause(): void;
  stop(): void;
  /** Tells the newest place once more, to a connection that is new. */
  again(): void;
  /** Asks for the place anew, after the page has been away. */
  refresh(): void;
}

interface SharingOptions {
  clock: Clock;
  onFix(fix: Fix): void;
  onPhase(phase: SharingPhase): void;
}

/** Sharing one's own place: begins with `start` and with nothing else. */
export function createSharing({ clock, onFix, onPhase }: SharingOptions): Sharing {
  let phase: SharingPhase = "off";
  let watch: LocationWatch | null = null;
  let letSleep = () => {};
  let batteryLevel: () => number | undefined = () => undefined;

  const enter = (next: SharingPhase) => {
    if (phase === next) return;
    phase = next;
    onPhase(phase);
  };
  const release = () => {
    watch?.stop();
    watch = null;
    letSleep();
    letSleep = () => {};
  };
  const report = (fix: Fix) => {
    enter("on");
    const battery = batteryLevel();
    onFix(battery === undefined ? fix : { ...fix, battery });
  };
  const onTrouble = (trouble: Trouble) => {
    if (trouble !== "no_gps") release();
    enter(trouble);
  };

  const begin = () => {
    const { isSecureContext: isSecure } = window;
    watch = watchLocation({ clock, geolocation: navigator.geolocation, isSecure, onFix: report, onTrouble });
    // A refusal may already have come, before there was a watch to take back.
    if (isRefused(phase)) release();
  };

  return {
    get phase() {
      return phase;
    },
    start() {
      if (watch) return;
      enter("searching");
      letSleep = keepAwake();
      void watchBattery().then((level) => {
        batteryLevel = level;
      });
      begin();
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
    again() {
      watch?.again();
    },
    refresh() {
      if (!watch) return;
      watch.stop();
      begin();
    },
  };
}

export function isRefused(phase: SharingPhase): phase is "denied" | "insecure" | "unsupported" {
  return phase === "denied" || phase === "insecure" || phase === "unsupported";
}
