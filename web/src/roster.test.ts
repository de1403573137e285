import { expect, it } from "vitest";
import { roster } from "./roster";
import { newSession, type Person, type SessionState } from "./session";

const NOW = 500_000;

function somebody(userId: string, fields: Partial<Person> = {}): Person {
  return {
    userId,
    name: userId,
    color: "#000000",
    status: null,
    isOffline: false,
    position: null,
    lastSeenAt: null,
    trail: [],
    ...fields,
  };
}

function at(userId: string, lat: number): Person {
  return somebody(userId, { position: { lat, lng: 0, accuracy: 1, at: NOW }, lastSeenAt: NOW });
}

function session(me: string | null, ...people: Person[]): SessionState {
  return { ...newSession("s", me), people: new Map(people.map((person) => [person.userId, person])) };
}

const order = (state: SessionState) => roster(state, NOW).map(({ person }) => person.userId);

it("puts oneself first, then the nearest, then those who were seen last, then the silent", () => {
  const state = session(
    "me",
    somebody("silent"),
    somebody("old", { lastSeenAt: NOW - 90_000 }),
    at("far", 2),
    somebody("recent", { lastSeenAt: NOW - 40_000 }),
    at("near", 1),
    at("me", 0),
  );
  expect(order(state)).toEqual(["me", "near", "far", "recent", "old", "silent"]);
});

it("sorts by name where there is no distance", () => {
  expect(order(session(null, at("b", 1), at("a", 2)))).toEqual(["a", "b"]);
});

it("measures distance and direction from oneself", () => {
  const [, north] = roster(session("me", at("me", 0), at("north", 0.01)), NOW);
  expect(north?.distance).toBeCloseTo(1112, 0);
  expect(north?.bearing).toBe(0);
});

it("has no distance for a watcher", () => {
  expect(roster(session(null, at("a", 1)), NOW)[0]).toMatchObject({ distance: null, presence: "live" });
});
