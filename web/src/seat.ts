import { type Choice, type Intent, type Role, roleOf } from "./sharer";

/** The place this browser holds in one session: who one is there, and what one may do. */
export interface Seat {
  /** Absent for a creator who has not joined yet. */
  token?: string;
  /** Absent for somebody who only watches. */
  userId?: string;
  /** Only the creator has this one. */
  creatorToken?: string;
  /** Of the sharing, whichever tab it was made in. */
  choice?: Choice;
  /** The link as the server wants it passed round. */
  joinLink?: string;
}

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

/** New with each load: a tab that is duplicated has the same storage, and is another tab. */
const TAB = crypto.getRandomValues(new Uint32Array(2)).join("-");

export function readRole(sessionId: string): Role {
  return roleOf(readSeat(sessionId).choice, TAB);
}

/** The person has chosen, here. In the tab it is kept that a reload of it goes on with the same. */
export function choose(sessionId: string, intent: Intent): void {
  write("sessionStorage", sessionId, TAB);
  changeSeat(sessionId, { choice: { intent, tab: TAB } });
}

/**
 * After a reload sharing goes on, if it was this tab that shared. Opening the link another day is looking, and
 * looking never starts sharing, nor does it stop another tab or an app.
 */
export function resume(sessionId: string): Role {
  // No event tells of a tab that was closed or has crashed, but the browser gives its locks back.
  void navigator.locks?.request(lockOf(TAB), () => new Promise<never>(() => {}));
  const { choice } = readSeat(sessionId);
  if (choice && choice.tab === read("sessionStorage", sessionId)) choose(sessionId, choice.intent);
  return readRole(sessionId);
}

/** Whether the tab that shared is not there any more. Where the browser cannot tell, it is thought to be. */
export async function isSharerGone(sessionId: string): Promise<boolean> {
  const { choice } = readSeat(sessionId);
  if (!choice || !navigator.locks || readRole(sessionId) !== "elsewhere") return false;
  return navigator.locks.request(lockOf(choice.tab), { ifAvailable: true }, (lock) => lock !== null);
}

const lockOf = (tab: string) => `tagalong:tab:${tab}`;

/** Tells when another tab has changed the seat. */
export function watchSeat(sessionId: string, onChange: () => void, signal: AbortSignal): void {
  const notice = (event: StorageEvent) => {
    if (event.key === key(sessionId)) onChange();
  };
  window.addEventListener("storage", notice, { signal });
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
