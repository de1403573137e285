const USUAL_MINUTES = [60, 240, 720, 1440];

/** The lengths to offer, all of which the server takes: the longest is always among them. */
export function lengthsUpTo(longestMinutes: number): number[] {
  return [...USUAL_MINUTES.filter((minutes) => minutes < longestMinutes), longestMinutes];
}

/** An hour more than is left, as far as the server takes it. */
export function anHourMore(remainingMs: number, longestMinutes: number): number {
  return Math.min(longestMinutes, Math.ceil(Math.max(0, remainingMs) / 60_000) + 60);
}
