import type { Clock } from "./clock";
import { type Choice, type Intent, type Role, roleOf } from "./sharing-role";

/** This browser's identity and tokens in one session. */
export interface Membership {
  /** Absent for a creator who has not joined yet. */
  token?: string;
  /** Absent for a watcher. */
  userId?: string;
  /** Only for the creator. */
  creatorToken?: string;
  /** The last sharing choice, made in any tab. */
  choice?: Choice;
  /** The join link in the server's form. */
  joinLink?: string;
  /** The session's name, once known. */
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

/** All memberships of this browser, the session that ends last first. */
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

/** Whether the membership survives a reload. Storage may be forbidden or full. */
export function isStored(sessionId: string): boolean {
  try {
    return localStorage.getItem(key(sessionId)) !== null;
  } catch {
    return false;
  }
}

/** Deletes the participant or watcher part. The creator's part stays. */
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

/** The last used name, for the next form. */
export const readName = (): string => read("localStorage", NAME_KEY) ?? "";
export const storeName = (name: string): void => write("localStorage", NAME_KEY, name);

const trackKey = (sessionId: string) => `tagalong:track:${sessionId}`;

/** One's own track, for a reload of this tab. Deleted with the tab or at the session's end. */
export const readTrack = (sessionId: string): string | null => read("sessionStorage", trackKey(sessionId));
export const storeTrack = (sessionId: string, track: string): void =>
  write("sessionStorage", trackKey(sessionId), track);
const forgetTrack = (sessionId: string): void => write("sessionStorage", trackKey(sessionId), null);

/** New with each load: a duplicated tab has a copy of the storage, but is another tab. */
const TAB = crypto.getRandomValues(new Uint32Array(2)).join("-");

export function readRole(sessionId: string): Role {
  return roleOf(readMembership(sessionId).choice, TAB);
}

/** Stores a choice made in this tab. The tab also remembers that the choice is its own, for a reload. */
export function choose(sessionId: string, intent: Intent): void {
  write("sessionStorage", key(sessionId), TAB);
  updateMembership(sessionId, { choice: { intent, tab: TAB } });
}

/**
 * Continues sharing after a reload, if this tab shared. Opening the link otherwise neither starts sharing nor stops
 * another tab or an app.
 */
export function resume(sessionId: string): Role {
  // There is no event for a closed or crashed tab, but the browser releases its locks.
  void navigator.locks?.request(lockOf(TAB), () => new Promise<never>(() => {}));
  const { choice } = readMembership(sessionId);
  if (choice && choice.tab === read("sessionStorage", key(sessionId))) choose(sessionId, choice.intent);
  return readRole(sessionId);
}

/** A reload releases the tab's lock for a moment as well. */
const RELOAD_MS = 4_000;

/**
 * Calls back when the sharing tab has closed, unless another choice was made meanwhile. Browsers without locks cannot
 * detect it.
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
    // Aborted by the signal.
    return;
  }
  clock.after(RELOAD_MS, () => {
    const current = readMembership(sessionId).choice;
    if (!signal.aborted && current?.tab === choice.tab && current.intent === "sharing") onGone();
  });
}

const lockOf = (tab: string) => `tagalong:tab:${tab}`;

/** Calls back when another tab has changed the membership. */
export function onMembershipChange(sessionId: string, onChange: () => void, signal: AbortSignal): void {
  const notice = (event: StorageEvent) => {
    if (event.key !== key(sessionId)) return;
    if (event.newValue === null) memory.delete(`localStorage ${event.key}`);
    onChange();
  };
  window.addEventListener("storage", notice, { signal });
}

type StorageName = "localStorage" | "sessionStorage";

/** Fallback while the page is open: storage may be forbidden, full or cleared. A reload then starts without a membership. */
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
    // `memory` has the value.
  }
}

function keysIn(storage: StorageName): string[] {
  try {
    return Object.keys(window[storage]);
  } catch {
    return [];
  }
}
