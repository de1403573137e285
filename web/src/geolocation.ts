import type { Fix } from "./channel";
import type { Clock } from "./clock";

/** `no_gps` and `quiet` (the newest position is old) may end by themselves. The others are final. */
export type LocationProblem = "denied" | "insecure" | "unsupported" | "no_gps" | "quiet";

export interface LocationWatch {
  /** Reports the newest fix again at once, for a new connection. */
  resend(): void;
  stop(): void;
}

interface WatchOptions {
  clock: Clock;
  geolocation: Geolocation | undefined;
  isSecure: boolean;
  /** `takenAt`: when the device determined it, on the given clock. */
  onFix(fix: Fix, takenAt: number): void;
  onProblem(problem: LocationProblem): void;
}

const FIX_TIMEOUT_MS = 20_000;
/** In some browsers a position's timestamp has another epoch. Its age is then unknown. */
const OLDEST_FIX_MS = 600_000;

/** A GPS receiver reports every second, also when it stands still: silence means that it has lost its fix. */
const STREAM_FIXES = 3;
const STREAM_MS = 10_000;
const SAME_FIX_MS = 500;

/** Watches this device's position until stopped, and reports it at the rate of `paced`. */
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
  /** The times of the newest fixes of the watch, the last first. */
  let taken: number[] = [];
  const isStream = () => taken.length === STREAM_FIXES && (taken[0] ?? 0) - (taken.at(-1) ?? 0) < STREAM_MS;
  const take = ({ coords, timestamp }: GeolocationPosition, isAnswer: boolean) => {
    if (isStopped) return;
    const age = Date.now() - timestamp;
    const takenAt = clock.now() - (age > 0 && age < OLDEST_FIX_MS ? age : 0);
    // Some browsers pass the answer to a request to the watch as well.
    const isNew = takenAt - (taken[0] ?? Number.NEGATIVE_INFINITY) > SAME_FIX_MS;
    if (!isAnswer && isNew) taken = [takenAt, ...taken].slice(0, STREAM_FIXES);
    // A device that stands still may answer with the time at which it arrived there.
    pace.offer(toFix(coords), isAnswer && !isStream() ? clock.now() : takenAt);
  };
  const pace = paced(clock, {
    report: onFix,
    // A browser may report nothing while the device stands still, but it answers a request.
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
/** From this age on the page requests a new position. */
const CONFIRM_AFTER_MS = 9_000;
/** A position is sent again up to this age. */
export const YOUNG_MS = 30_000;
/** A timer this late means that the page was suspended: the person may have moved far. */
const ASLEEP_MS = 5_000;

interface Pace {
  report(fix: Fix, takenAt: number): void;
  /** Requests a new position from the device. */
  confirm(): void;
  /** The newest position is too old to be sent again. */
  quiet(): void;
}

/**
 * Reports at most one fix every 2 s, always the newest. After 10 s without a new one it reports the last one again, while
 * that is young: browsers report nothing while a device stands still, but its position must not expire.
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
    /** Drops the newest fix, which may no longer be right. */
    forget,
    offer(fix: Fix, takenAt: number) {
      // The same position again keeps the later of both times.
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
