import type { Fix } from "./channel";
import type { Clock } from "./clock";

/** `no_gps` and `quiet` (the newest position is old) may pass by themselves; after the others nothing comes any more. */
export type LocationProblem = "denied" | "insecure" | "unsupported" | "no_gps" | "quiet";

export interface LocationWatch {
  /** Reports the newest fix again at once, for a connection that has just come back. */
  resend(): void;
  stop(): void;
}

interface WatchOptions {
  clock: Clock;
  geolocation: Geolocation | undefined;
  isSecure: boolean;
  /** `takenAt`: when the device found it, on the clock given. */
  onFix(fix: Fix, takenAt: number): void;
  onProblem(problem: LocationProblem): void;
}

const FIX_TIMEOUT_MS = 20_000;
/** Some browsers count a position's time from another beginning; then its age is unknown. */
const OLDEST_FIX_MS = 600_000;

/** A satellite receiver tells of each second, also of one who stands still: when it falls silent, it has lost the place. */
const STREAM_FIXES = 3;
const STREAM_MS = 10_000;
const SAME_FIX_MS = 500;

/** Follows this device's place until stopped, and reports it at the pace of `paced`. */
export function watchLocation({
  clock,
  geolocation,
  isSecure,
  onFix,
  onProblem,
}: WatchOptions): LocationWatch {
  if (!isSecure) return refused("insecure", onProblem);
  if (!geolocation) return refused("unsupported", onProblem);
  let isStopped = false;
  /** When the newest fixes of the watch were taken, the last first. */
  let taken: number[] = [];
  const isStream = () => taken.length === STREAM_FIXES && (taken[0] ?? 0) - (taken.at(-1) ?? 0) < STREAM_MS;
  const take = ({ coords, timestamp }: GeolocationPosition, isAnswer: boolean) => {
    if (isStopped) return;
    const age = Date.now() - timestamp;
    const takenAt = clock.now() - (age > 0 && age < OLDEST_FIX_MS ? age : 0);
    // With an answer some browsers tell the watch the same position once more.
    const isNew = takenAt - (taken[0] ?? Number.NEGATIVE_INFINITY) > SAME_FIX_MS;
    if (!isAnswer && isNew) taken = [takenAt, ...taken].slice(0, STREAM_FIXES);
    // A device that is silent while it stands still answers with where it is, and the time at which it came there.
    pace.offer(toFix(coords), isAnswer && !isStream() ? clock.now() : takenAt);
  };
  const pace = paced(clock, {
    report: onFix,
    // A browser may be silent about somebody who stands still: asked, it tells of them.
    confirm: () =>
      geolocation.getCurrentPosition(
        (position) => take(position, true),
        () => {},
        { enableHighAccuracy: true, timeout: FIX_TIMEOUT_MS, maximumAge: 1000 },
      ),
    quiet: () => onProblem("quiet"),
  });
  const watch = geolocation.watchPosition(
    (position) => take(position, false),
    (error) => {
      pace.forget();
      onProblem(error.code === error.PERMISSION_DENIED ? "denied" : "no_gps");
    },
    { enableHighAccuracy: true, timeout: FIX_TIMEOUT_MS, maximumAge: 1000 },
  );
  return {
    resend: pace.resend,
    stop() {
      isStopped = true;
      geolocation.clearWatch(watch);
      pace.forget();
    },
  };
}

function refused(problem: LocationProblem, onProblem: (problem: LocationProblem) => void): LocationWatch {
  onProblem(problem);
  return { resend() {}, stop() {} };
}

function toFix({ latitude, longitude, accuracy, heading, speed, altitude }: GeolocationCoordinates): Fix {
  const fix: Fix = { lat: latitude, lng: longitude };
  if (isKnown(accuracy) && accuracy >= 0) fix.accuracy = accuracy;
  // A standing device has a heading of NaN in some browsers, null in others, and -1 in native code.
  if (isKnown(heading) && heading >= 0) fix.heading = heading % 360;
  if (isKnown(speed) && speed >= 0) fix.speed = speed;
  if (isKnown(altitude)) fix.altitude = altitude;
  return fix;
}

function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

export const SHORTEST_PAUSE_MS = 2_000;
export const KEEP_ALIVE_MS = 10_000;
/** From this age on the device is asked anew. */
const CONFIRM_AFTER_MS = 9_000;
/** A position is repeated up to this age. */
export const YOUNG_MS = 30_000;
/** A timer this late means that the page was asleep, and the person may be anywhere by now. */
const ASLEEP_MS = 5_000;

interface Pace {
  report(fix: Fix, takenAt: number): void;
  /** Asks the device for a new position. */
  confirm(): void;
  /** The newest position is too old to be repeated. */
  quiet(): void;
}

/**
 * Passes on at most one fix every 2 s, always the newest, and the same one again after 10 s without a
 * new one, while it is young: a browser is silent about somebody who stands still, but their position must not expire.
 */
export function paced(clock: Clock, { report, confirm, quiet }: Pace) {
  let newest: { fix: Fix; takenAt: number } | null = null;
  let reportedAt = Number.NEGATIVE_INFINITY;
  let wokenAt = 0;
  let isWaiting = false;
  let cancel = () => {};

  const forget = () => {
    newest = null;
    isWaiting = false;
    cancel();
  };
  const keepAlive = () => {
    wokenAt = clock.now();
    cancel();
    cancel = clock.after(KEEP_ALIVE_MS, resend);
  };
  const send = () => {
    if (!newest) return;
    isWaiting = false;
    reportedAt = clock.now();
    keepAlive();
    report(newest.fix, newest.takenAt);
  };
  const resend = () => {
    if (!newest) return;
    const age = clock.now() - newest.takenAt;
    if (clock.now() - wokenAt > KEEP_ALIVE_MS + ASLEEP_MS) return forget();
    if (age > CONFIRM_AFTER_MS) confirm();
    if (age <= YOUNG_MS) return send();
    keepAlive();
    quiet();
  };
  return {
    resend,
    /** What was true once is not repeated when nobody knows whether it still is. */
    forget,
    offer(fix: Fix, takenAt: number) {
      // The same place again is no older than it was.
      const isSame = newest?.fix.lat === fix.lat && newest.fix.lng === fix.lng;
      newest = { fix, takenAt: isSame && newest ? Math.max(newest.takenAt, takenAt) : takenAt };
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
