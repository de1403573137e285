/** Milliseconds that only ever grow. Only differences between two readings mean anything. */
export interface Clock {
  now(): number;
  /** Calls back once after so many milliseconds; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void;
}

/**
 * The wall clock goes on while a phone sleeps but may be set back; the steady clock is never set back
 * but may stop during sleep. Adding up whichever of the two went further survives both.
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
