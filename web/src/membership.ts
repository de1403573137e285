import type { Clock } from "./clock";
import { type Choice, type Intent, type Role, roleOf } from "./sharing-role";

/** The place this browser holds in one session: who one is there, and what one may do. */
export interface Membership {
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
  /** Of the session, as far as known. */
  name?: string | null | undefined;
  /** When the session ends, in milliseconds on this device's wall clock. */
  endsAt?: number | undefined;
}

const PREFIX = "tagalong:session:";
const key = (sessionId: string) => PREFIX + sessionId;

export function readMembership(sessionId: string): Membership {
  try {
    return JSON.parse(read("localStorage", key(sessionId)) ?? "{}") as Membership;
  } catch {
    return {};
  }
}

/** The places that this browser holds, the one that ends last first. */
export function memberships(): { sessionId: string; membership: Membership }[] {
  return keysIn("localStorage")
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length))
    .map((sessionId) => ({ sessionId, membership: readMembership(sessionId) }))
    .sort((a, b) => (b.membership.endsAt ?? 0) - (a.membership.endsAt ?? 0));
}

export function updateMembership(sessionId: string, change: Membership): Membership {
  const membership = { ...readMembership(sessionId), ...change };
  write("localStorage", key(sessionId), JSON.stringify(membership));
  return membership;
}

/** Whether the place outlives this page. Storage may be forbidden or full. */
export function isStored(sessionId: string): boolean {
  try {
    return localStorage.getItem(key(sessionId)) !== null;
  } catch {
    return false;
  }
}

/** The person leaves; a creator stays the creator. */
export function forgetParticipation(sessionId: string): void {
  const { creatorToken, joinLink, name, endsAt } = readMembership(sessionId);
  forgetMembership(sessionId);
  if (creatorToken && joinLink) updateMembership(sessionId, { creatorToken, joinLink, name, endsAt });
}

export function forgetMembership(sessionId: string): void {
  write("localStorage", key(sessionId), null);
  write("sessionStorage", key(sessionId), null);
  forgetTrack(sessionId);
}

const NAME_KEY = "tagalong:name";

/** The name that was used last, to begin the next form with. */
export const readName = (): string => read("localStorage", NAME_KEY) ?? "";
export const storeName = (name: string): void => write("localStorage", NAME_KEY, name);

const trackKey = (sessionId: string) => `tagalong:track:${sessionId}`;

/** One's own track, for a reload of this tab: it goes with the tab, and with the session. */
export const readTrack = (sessionId: string): string | null => read("sessionStorage", trackKey(sessionId));
export const storeTrack = (sessionId: string, track: string): void =>
  write("sessionStorage", trackKey(sessionId), track);
const forgetTrack = (sessionId: string): void => write("sessionStorage", trackKey(sessionId), null);

/** New with each load: a tab that is duplicated has the same storage, and is another tab. */
const TAB = crypto.getRandomValues(new Uint32Array(2)).join("-");

export function readRole(sessionId: string): Role {
  return roleOf(readMembership(sessionId).choice, TAB);
}

/** The person has chosen, here. In the tab it is kept that a reload of it goes on with the same. */
export function choose(sessionId: string, intent: Intent): void {
  write("sessionStorage", key(sessionId), TAB);
  updateMembership(sessionId, { choice: { intent, tab: TAB } });
}

/**
 * After a reload sharing goes on, if it was this tab that shared. Opening the link another day is looking, and
 * looking never starts sharing, nor does it stop another tab or an app.
 */
export function resume(sessionId: string): Role {
  // No event tells of a tab that was closed or has crashed, but the browser gives its locks back.
  void navigator.locks?.request(lockOf(TAB), () => new Promise<never>(() => {}));
  const { choice } = readMembership(sessionId);
  if (choice && choice.tab === read("sessionStorage", key(sessionId))) choose(sessionId, choice.intent);
  return readRole(sessionId);
}

/** A reload gives the tab's lock back for a moment too. */
const RELOAD_MS = 4_000;

/**
 * Calls back when the tab that shared is gone, for as long as that is still what was chosen last. Where the browser has no
 * locks it cannot be known.
 */
export async function onSharingTabClosed(
  sessionId: string,
  clock: Clock,
  signal: AbortSignal,
  onGone: () => void,
): Promise<void> {
  const { choice } = readMembership(sessionId);
  if (!choice || !navigator.locks || readRole(sessionId) !== "elsewhere") return;
  try {
    await navigator.locks.request(lockOf(choice.tab), { signal }, () => {});
  } catch {
    // Called off.
    return;
  }
  clock.after(RELOAD_MS, () => {
    const current = readMembership(sessionId).choice;
    if (!signal.aborted && current?.tab === choice.tab && current.intent === "sharing") onGone();
  });
}

const lockOf = (tab: string) => `tagalong:tab:${tab}`;

/** Tells when another tab has changed the seat. */
export function onMembershipChange(sessionId: string, onChange: () => void, signal: AbortSignal): void {
  const notice = (event: StorageEvent) => {
    if (event.key !== key(sessionId)) return;
    if (event.newValue === null) memory.delete(`localStorage ${event.key}`);
    onChange();
  };
  window.addEventListener("storage", notice, { signal });
}

type StorageName = "localStorage" | "sessionStorage";

/** For as long as the page is open. Storage may be forbidden, full, or wiped: then only a reload makes a new person. */
const memory = new Map<string, string>();

function read(storage: StorageName, name: string): string | null {
  const remembered = memory.get(`${storage} ${name}`) ?? null;
  try {
    return window[storage].getItem(name) ?? remembered;
  } catch {
    return remembered;
  }
}

function write(storage: StorageName, name: string, value: string | null): void {
  if (value === null) memory.delete(`${storage} ${name}`);
  else memory.set(`${storage} ${name}`, value);
  try {
    if (value === null) window[storage].removeItem(name);
    else window[storage].setItem(name, value);
  } catch {
    // The memory has it.
  }
}

function keysIn(storage: StorageName): string[] {
  try {
    return Object.keys(window[storage]);
  } catch {
    return [];
  }
}
