import { bearingDegrees, distanceMetres } from "./geometry";
import type { Person, SessionState } from "./session";

/** One line of the list of participants, and everything the map needs to draw somebody. */
export interface RosterEntry {
  person: Person;
  isMe: boolean;
  /** `live`: has a position. `ghost`: had one. `silent`: never had one. */
  presence: "live" | "ghost" | "silent";
  ageMs: number | null;
  distance: number | null;
  bearing: number | null;
}

const PRESENCE_ORDER = { live: 0, ghost: 1, silent: 2 };

/** Oneself first, then the nearest, then those without a position, last seen first. */
export function roster({ people, me }: SessionState, now: number): RosterEntry[] {
  const own = (me && people.get(me)?.position) || null;
  const entries = [...people.values()].map((person): RosterEntry => {
    const { position, lastSeenAt, userId } = person;
    const isMe = userId === me;
    const measured = own && position && !isMe;
    return {
      person,
      isMe,
      presence: position ? "live" : lastSeenAt === null ? "silent" : "ghost",
      ageMs: lastSeenAt === null ? null : Math.max(0, now - lastSeenAt),
      distance: measured ? distanceMetres(own, position) : null,
      bearing: measured ? bearingDegrees(own, position) : null,
    };
  });
  return entries.sort(compare);
}

/** Created once: it costs more than a thousand comparisons. */
const byName = new Intl.Collator();

function compare(a: RosterEntry, b: RosterEntry): number {
  return (
    Number(b.isMe) - Number(a.isMe) ||
    PRESENCE_ORDER[a.presence] - PRESENCE_ORDER[b.presence] ||
    (a.presence === "ghost" ? (a.ageMs ?? 0) - (b.ageMs ?? 0) : 0) ||
    (a.distance ?? 0) - (b.distance ?? 0) ||
    byName.compare(a.person.name, b.person.name)
  );
}
