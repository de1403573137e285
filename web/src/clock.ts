/** Monotonic milliseconds. Only the difference between two readings has a meaning. */
export interface Clock {
  now(): number;
  /** Calls back once after this many milliseconds. The returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/**
 * The wall clock runs while a phone sleeps but may be set back. The monotonic clock is never set back but may stop
 * during sleep. The sum of the larger steps of the two is right in both cases.
 */
export function elapsedTime(
  wall: () => number = Date.now,
  steady: () => number = () => performance.now(),
): () => number {
  let lastWall = wall();
  let lastSteady = steady();
  let elapsed = lastWall;
  return () => {
    const nextWall = wall();
    const nextSteady = steady();
    elapsed += Math.max(0, nextWall - lastWall, nextSteady - lastSteady);
    lastWall = nextWall;
    lastSteady = nextSteady;
    return elapsed;
  };
}

export function systemClock(): Clock {
  return {
    now: elapsedTime(),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
}
