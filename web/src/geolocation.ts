import type { Fix } from "./channel";
import type { Clock } from "./clock";

/** `no_gps` may pass by itself; after the others nothing comes any more. */
export type Trouble = "denied" | "insecure" | "unsupported" | "no_gps";

export interface LocationWatch {
  /** Reports the newest fix again at once, for a connection that has just come back. */
  again(): void;
  stop(): void;
}

interface WatchOptions {
  clock: Clock;
  geolocation: Geolocation | undefined;
  isSecure: boolean;
  onFix(fix: Fix): void;
  onTrouble(trouble: Trouble): void;
}

const FIX_TIMEOUT_MS = 20_000;

/** Follows this device's place until stopped, and reports it at the pace of `paced`. */
export function watchLocation({
  clock,
  geolocation,
  isSecure,
  onFix,
  onTrouble,
}: WatchOptions): LocationWatch {
  if (!isSecure) return refused("insecure", onTrouble);
  if (!geolocation) return refused("unsupported", onTrouble);
  const pace = paced(clock, onFix);
  const watch = geolocation.watchPosition(
    (position) => pace.offer(toFix(position.coords)),
    (error) => {
      pace.forget();
      onTrouble(error.code === error.PERMISSION_DENIED ? "denied" : "no_gps");
    },
    { enableHighAccuracy: true, timeout: FIX_TIMEOUT_MS, maximumAge: 1000 },
  );
  return {
    again: pace.again,
    stop() {
      geolocation.clearWatch(watch);
      pace.forget();
    },
  };
}

function refused(trouble: Trouble, onTrouble: (trouble: Trouble) => void): LocationWatch {
  onTrouble(trouble);
  return { again() {}, stop() {} };
}

function toFix(coords: GeolocationCoordinates): Fix {
  const fix: Fix = { lat: coords.latitude, lng: coords.longitude, accuracy: coords.accuracy };
  if (isKnown(coords.heading)) fix.heading = coords.heading;
  if (isKnown(coords.speed)) fix.speed = coords.speed;
  if (isKnown(coords.altitude)) fix.altitude = coords.altitude;
  return fix;
}

/** A standing device has a heading of NaN in some browsers, null in others. */
function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

export const SHORTEST_PAUSE_MS = 2_000;
export const KEEP_ALIVE_MS = 10_000;
/** A timer this late means that the page was asleep, and the person may be anywhere by now. */
const ASLEEP_MS = 5_000;

/**
 * Passes on at most one fix every 2 s, always the newest, and the same one again after 10 s without a
 * new one: a browser is silent about somebody who stands still, but their position must not expire.
 */
export function paced(clock: Clock, report: (fix: Fix) => void) {
  let newest: Fix | null = null;
  let reportedAt = Number.NEGATIVE_INFINITY;
  let isWaiting = false;
  let cancel = () => {};

  const forget = () => {
    newest = null;
    isWaiting = false;
    cancel();
  };
  const send = () => {
    if (!newest) return;
    cancel();
    isWaiting = false;
    reportedAt = clock.now();
    cancel = clock.after(KEEP_ALIVE_MS, again);
    report(newest);
  };
  const again = () => {
    const hasSlept = clock.now() - reportedAt > KEEP_ALIVE_MS + ASLEEP_MS;
    if (hasSlept) forget();
    else send();
  };
  return {
    again,
    /** What was true once is not repeated when nobody knows whether it still is. */
    forget,
    offer(fix: Fix) {
      newest = fix;
      const wait = reportedAt + SHORTEST_PAUSE_MS - clock.now();
      if (wait <= 0) send();
      else if (!isWaiting) {
        cancel();
        isWaiting = true;
        cancel = clock.after(wait, send);
      }
    },
  };
}
