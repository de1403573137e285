import {
  type ChannelEvent,
  type Fix,
  type Status,
  WATCHING_REVOKED,
  type WireFix,
  type WireLocation,
  type WireParticipant,
} from "./channel";
import type { ConnectionState } from "./connection";
import { distanceMetres, type LatLng } from "./geometry";

export interface Position extends Fix {
  /** The time of the position, on this device's clock. */
  at: number;
}

export interface Person {
  userId: string;
  name: string;
  color: string;
  status: Status | null;
  /** Their last connection has closed. False for a person who was never seen connected. */
  isOffline: boolean;
  /** Null once it has expired. */
  position: Position | null;
  /** The time of the newest known position, also after it has expired. */
  lastSeenAt: number | null;
  trail: readonly LatLng[];
}

/**
 * `over`: ended for an unknown reason. `removed`: by the creator. `gone`: not found. `locked`: a watcher was removed from a
 * locked session. `replaced`: this was the oldest of too many connections of one person.
 */
export type EndReason =
  | "expired"
  | "ended_by_creator"
  | "over"
  | "removed"
  | "left"
  | "gone"
  | "full"
  | "locked"
  | "replaced";

export interface SessionState {
  sessionId: string;
  name: string | null;
  endsAt: number | null;
  locked: boolean;
  connection: ConnectionState;
  /** This network blocks WebSockets, so the page uses long polling. */
  isPolling: boolean;
  /** The server rejected the newest position of this page. */
  isPositionRefused: boolean;
  positionLifeMs: number;
  /** Null for a watcher. */
  me: string | null;
  people: ReadonlyMap<string, Person>;
  /** The number of watchers, oneself included. */
  watchers: number;
  /** This person has asked to leave, so `participant_left` does not mean "removed". */
  isLeaving: boolean;
  ended: EndReason | null;
}

export type SessionEvent =
  | ChannelEvent
  | { type: "described"; name: string | null; expires_at: string; locked: boolean; server_time: string }
  | { type: "own_position"; fix: Fix; at: number }
  | { type: "own_position_gone" }
  | { type: "own_status"; status: Status }
  | { type: "time_passed" }
  | { type: "leaving" }
  | { type: "ended"; reason: EndReason };

export const TRAIL_POINTS = 600;
const TRAIL_STEP_METRES = 5;

export function newSession(sessionId: string, me: string | null): SessionState {
  return {
    sessionId,
    name: null,
    endsAt: null,
    locked: false,
    connection: "connecting",
    isPolling: false,
    isPositionRefused: false,
    positionLifeMs: 30_000,
    me,
    people: new Map(),
    watchers: 0,
    isLeaving: false,
    ended: null,
  };
}

/** Every event that can change a session. `now` is this device's clock; no other device's clock is read. */
export function apply(state: SessionState, event: SessionEvent, now: number): SessionState {
  if (state.ended) return state;
  switch (event.type) {
    case "connection":
      return event.state === state.connection ? state : { ...state, connection: event.state };
    case "polling":
      return event.isPolling === state.isPolling ? state : { ...state, isPolling: event.isPolling };
    case "position_answered":
      return event.isTaken !== state.isPositionRefused
        ? state
        : { ...state, isPositionRefused: !event.isTaken };
    case "joined":
      return {
        ...state,
        connection: "online",
        endsAt: onOwnClock(event.expires_at, event.server_time, now),
        positionLifeMs: event.location_ttl_seconds * 1000,
      };
    case "described":
      return withDescription(state, event, now);
    case "session_updated":
      return withDescription(state, event.data, now);
    case "presence_watchers":
      return { ...state, watchers: event.data.count };
    case "dismissed":
      if (event.data.reason === WATCHING_REVOKED) return { ...state, connection: "connecting" };
      return { ...state, ended: "replaced" };
    case "session_ended":
      return { ...state, ended: endReason(event.data.reason) };
    case "refused":
      return { ...state, ended: endReason(event.reason) };
    case "leaving":
      return { ...state, isLeaving: true };
    case "ended":
      return { ...state, ended: event.reason };
    default: {
      const change = applyToPeople(state, event, now);
      return change.people === state.people ? state : { ...state, ...change };
    }
  }
}

type PeopleEvent = Exclude<
  SessionEvent,
  {
    type:
      | "connection"
      | "polling"
      | "position_answered"
      | "joined"
      | "described"
      | "session_updated"
      | "session_ended"
      | "presence_watchers"
      | "dismissed"
      | "refused"
      | "leaving"
      | "ended";
  }
>;

function applyToPeople(state: SessionState, event: PeopleEvent, now: number): Partial<SessionState> {
  const { people, me } = state;
  switch (event.type) {
    case "initial_participants":
      return {
        people: withEverybody(state, event.participants, event.server_time, now),
        watchers: event.watcher_count ?? 0,
      };
    case "initial_locations":
      return { people: withSnapshot(state, event.locations, now) };
    case "participant_joined": {
      const { user_id } = event.data;
      return { people: put(people, people.get(user_id) ?? newcomer(event.data)) };
    }
    case "participant_left":
      if (event.data.user_id === me) return { ended: state.isLeaving ? "left" : "removed" };
      return { people: new Map([...people].filter(([userId]) => userId !== event.data.user_id)) };
    case "location_update":
      return { people: change(people, event.data.user_id, (person) => moved(person, event.data, now)) };
    case "participant_status":
      return {
        people: change(people, event.data.user_id, (person) => withStatus(person, event.data.status)),
      };
    case "own_status":
      return { people: change(people, me, (person) => withStatus(person, event.status)) };
    case "own_position":
      return { people: change(people, me, (person) => moved(person, event.fix, event.at, person.status)) };
    case "own_position_gone":
      return { people: change(people, me, (person) => ({ ...person, position: null, lastSeenAt: null })) };
    case "presence_state":
      return { people: withPresence(people, (userId) => !Object.hasOwn(event.presences, userId)) };
    case "presence_diff": {
      const { joins, leaves } = event;
      const isOffline = (userId: string, was: boolean) =>
        Object.hasOwn(leaves, userId) || (was && !Object.hasOwn(joins, userId));
      return { people: withPresence(people, isOffline) };
    }
    case "time_passed":
      return { people: withoutExpired(state, now) };
  }
}

function newcomer(wire: WireParticipant): Person {
  return {
    userId: wire.user_id,
    name: wire.display_name,
    color: wire.avatar_color,
    status: wire.status ?? null,
    isOffline: false,
    position: null,
    lastSeenAt: null,
    trail: [],
  };
}

/** The server's list is complete: people who are not on it have left. Known facts about the others stay. */
function withEverybody(
  { people, me }: SessionState,
  participants: WireParticipant[],
  serverTime: string,
  now: number,
): Map<string, Person> {
  return new Map(
    participants.map((wire) => {
      const known = people.get(wire.user_id) ?? newcomer(wire);
      const status = wire.user_id === me ? known.status : (wire.status ?? null);
      const seenAt = wire.last_position_at ? onOwnClock(wire.last_position_at, serverTime, now) : null;
      return [wire.user_id, { ...known, status, lastSeenAt: seenAt ?? known.lastSeenAt }];
    }),
  );
}

/** Complete as well, except for oneself: people without a position here have no live position. */
function withSnapshot(
  { people, me }: SessionState,
  locations: (WireLocation & { age_ms: number })[],
  now: number,
): Map<string, Person> {
  const byUser = new Map(locations.map((location) => [location.user_id, location]));
  return new Map(
    [...people].map(([userId, person]) => {
      const location = byUser.get(userId);
      if (location) return [userId, moved(person, location, now - location.age_ms, person.status)];
      return [userId, userId === me ? person : { ...person, position: null }];
    }),
  );
}

function moved(person: Person, fix: WireFix, at: number, status: Status | null = "sharing"): Person {
  const { lat, lng, accuracy, heading, speed, altitude, battery } = fix;
  const position: Position = { lat, lng, at };
  Object.assign(position, definedOnly({ accuracy, heading, speed, altitude, battery }));
  return { ...person, status, position, lastSeenAt: at, trail: longer(person.trail, { lat, lng }) };
}

function withStatus(person: Person, status: Status): Person {
  const hasStopped = status === "paused" || status === "stopped";
  return hasStopped ? { ...person, status, position: null, trail: [] } : { ...person, status };
}

function withPresence(
  people: ReadonlyMap<string, Person>,
  isOffline: (userId: string, was: boolean) => boolean,
): Map<string, Person> {
  return new Map(
    [...people].map(([userId, person]) => [
      userId,
      { ...person, isOffline: isOffline(userId, person.isOffline) },
    ]),
  );
}

function withoutExpired({ people, positionLifeMs }: SessionState, now: number): ReadonlyMap<string, Person> {
  const isExpired = ({ position }: Person) => position !== null && now - position.at > positionLifeMs;
  if (![...people.values()].some(isExpired)) return people;
  return new Map(
    [...people].map(([userId, person]) => [
      userId,
      isExpired(person) ? { ...person, position: null } : person,
    ]),
  );
}

function longer(trail: readonly LatLng[], point: LatLng): readonly LatLng[] {
  const last = trail[trail.length - 1];
  if (last && distanceMetres(last, point) < TRAIL_STEP_METRES) return trail;
  return [...trail.slice(1 - TRAIL_POINTS), point];
}

function withDescription(
  state: SessionState,
  {
    name,
    expires_at,
    locked,
    server_time,
  }: { name: string | null; expires_at: string; locked: boolean; server_time: string },
  now: number,
): SessionState {
  return { ...state, name, locked, endsAt: onOwnClock(expires_at, server_time, now) };
}

/** Both times are the server's: only their difference is added to this device's clock. */
function onOwnClock(time: string, serverTime: string, now: number): number {
  return now + (Date.parse(time) - Date.parse(serverTime));
}

function endReason(reason: string): EndReason {
  switch (reason) {
    case "expired":
    case "session_expired":
      return "expired";
    case "ended_by_creator":
      return reason;
    case "session_ended":
      return "over";
    case "unauthorized":
    case "unauthenticated":
      return "removed";
    case "session_full":
      return "full";
    case "session_locked":
      return "locked";
    default:
      return "gone";
  }
}

function change(
  people: ReadonlyMap<string, Person>,
  userId: string | null,
  alter: (person: Person) => Person,
): ReadonlyMap<string, Person> {
  const person = userId === null ? undefined : people.get(userId);
  return person ? put(people, alter(person)) : people;
}

function put(people: ReadonlyMap<string, Person>, person: Person): Map<string, Person> {
  return new Map(people).set(person.userId, person);
}

function definedOnly<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>;
}
