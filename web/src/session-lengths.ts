const USUAL_MINUTES = [60, 240, 720, 1440];

/** The durations to offer. The server accepts all of them, and the longest is always included. */
export function lengthsUpTo(longestMinutes: number): number[] {
  return [...USUAL_MINUTES.filter((minutes) => minutes < longestMinutes), longestMinutes];
}

/** The remaining time and one hour, at most what the server accepts. */
export function anHourMore(remainingMs: number, longestMinutes: number): number {
  return Math.min(longestMinutes, Math.ceil(Math.max(0, remainingMs) / 60_000) + 60);
}
