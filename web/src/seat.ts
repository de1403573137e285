/** The place this browser holds in one session: who one is there, and what one may do. */
export interface Seat {
  /** Absent for a creator who has not joined yet. */
  token?: string;
  /** Absent for somebody who only watches. */
  userId?: string;
  /** Only the creator has this one. */
  creatorToken?: string;
  /** A tracker app shares in one's place, whichever tab is open. */
  byApp?: boolean;
  /** The link as the server wants it passed round. */
  joinLink?: string;
}

export type Intent = "sharing" | "app" | "paused" | "stopped";

const key = (sessionId: string) => `tagalong:session:${sessionId}`;

export function readSeat(sessionId: string): Seat {
  try {
    return JSON.parse(read("localStorage", sessionId) ?? "{}") as Seat;
  } catch {
    return {};
  }
}

export function changeSeat(sessionId: string, change: Seat): Seat {
  const seat = { ...readSeat(sessionId), ...change };
  write("localStorage", sessionId, JSON.stringify(seat));
  return seat;
}

/** The person leaves; a creator stays the creator. */
export function giveUpPlace(sessionId: string): void {
  const { creatorToken, joinLink } = readSeat(sessionId);
  forgetSeat(sessionId);
  if (creatorToken && joinLink) changeSeat(sessionId, { creatorToken, joinLink });
}

export function forgetSeat(sessionId: string): void {
  write("localStorage", sessionId, null);
  write("sessionStorage", sessionId, null);
}

/**
 * Whether sharing goes on after a reload. This lives with the tab and not with the seat: opening the
 * link another day is looking, and looking never starts sharing, nor does it stop an app.
 */
export function readIntent(sessionId: string): Intent {
  const usual = readSeat(sessionId).byApp ? "app" : "stopped";
  return (read("sessionStorage", sessionId) as Intent | null) ?? usual;
}

export function rememberIntent(sessionId: string, intent: Intent): void {
  write("sessionStorage", sessionId, intent);
  const byApp = intent === "app";
  if ((readSeat(sessionId).byApp ?? false) !== byApp) changeSeat(sessionId, { byApp });
}

type StorageName = "localStorage" | "sessionStorage";

// Storage may be forbidden or full. Then a reload makes a new person, and everything else works.
function read(storage: StorageName, sessionId: string): string | null {
  try {
    return window[storage].getItem(key(sessionId));
  } catch {
    return null;
  }
}

function write(storage: StorageName, sessionId: string, value: string | null): void {
  try {
    if (value === null) window[storage].removeItem(key(sessionId));
    else window[storage].setItem(key(sessionId), value);
  } catch {
    // As above.
  }
}
