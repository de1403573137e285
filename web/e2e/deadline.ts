/** For each event that a test waits for. It is long because the machine may be busy. */
export const DEADLINE_MS = 60_000;
