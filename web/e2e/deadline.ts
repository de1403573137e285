/** For each event that a test waits for: it is there at once, unless the machine has a lot else to do. */
export const DEADLINE_MS = 60_000;
