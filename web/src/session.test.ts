import { describe, expect, it } from "vitest";
import type { Fix } from "./channel";
import { apply, newSession, type SessionEvent, type SessionState, TRAIL_POINTS } from "./session";

const NOW = 1_000_000;
const SERVER = "2030-01-01T12:00:00.000Z";
const HERE: Fix = { lat: 48.1, lng: 11.5, accuracy: 10 };

const ada = { user_id: "user_ada", display_name: "Ada", avatar_color: "#1D4ED8" };
const ben = { user_id: "user_ben", display_name: "Ben", avatar_color: "#C2410C" };

function after(events: SessionEvent[], state = newSession("s", "user_ben"), now = NOW): SessionState {
  return events.reduce((before, event) => apply(before, event, now), state);
}

function joined(): SessionState {
  return after([
    {
      type: "joined",
      expires_at: "2030-01-01T13:00:00.000Z",
      server_time: SERVER,
      location_ttl_seconds: 30,
    },
    { type: "initial_participants", participants: [ada, ben], server_time: SERVER },
    { type: "initial_locations", locations: [{ user_id: "user_ada", ...HERE, age_ms: 4_000 }] },
  ]);
}

const person = (state: SessionState, userId: string) => {
  const found = state.people.get(userId);
  if (!found) throw new Error(`${userId} is not there`);
  return found;
};

describe("joining", () => {
  it("takes the end of the session from the server's clock alone", () => {
    expect(joined()).toMatchObject({ connection: "online", endsAt: NOW + 3_600_000 });
  });

  it("dates a position by its age", () => {
    expect(person(joined(), "user_ada").position).toMatchObject({ lat: 48.1, at: NOW - 4_000 });
  });

  it("knows when somebody without a position was last seen", () => {
    const state = after([
      {
        type: "initial_participants",
        participants: [{ ...ada, status: "no_gps", last_position_at: "2030-01-01T11:58:00.000Z" }],
        server_time: SERVER,
      },
    ]);
    expect(person(state, "user_ada")).toMatchObject({
      position: null,
      lastSeenAt: NOW - 120_000,
      status: "no_gps",
    });
  });
});

describe("coming back after a lost connection", () => {
  it("keeps the trail, drops people who have left, and drops expired positions", () => {
    const state = after(
      [
        { type: "connection", state: "offline" },
        { type: "initial_participants", participants: [ada], server_time: SERVER },
        { type: "initial_locations", locations: [] },
      ],
      joined(),
    );
    expect([...state.people.keys()]).toEqual(["user_ada"]);
    expect(person(state, "user_ada")).toMatchObject({ position: null, trail: [{ lat: 48.1, lng: 11.5 }] });
  });

  it("knows the time of one's own last position, until it is withdrawn", () => {
    const participants = [{ ...ben, last_position_at: "2030-01-01T11:59:40.000Z" }];
    const state = after([{ type: "initial_participants", participants, server_time: SERVER }]);
    expect(person(state, "user_ben")).toMatchObject({ position: null, lastSeenAt: NOW - 20_000 });
    expect(person(after([{ type: "own_position_gone" }], state), "user_ben").lastSeenAt).toBeNull();
  });

  it("keeps one's own position, which the server does not send", () => {
    const state = after(
      [
        { type: "own_position", fix: HERE, at: NOW },
        { type: "initial_locations", locations: [] },
      ],
      joined(),
    );
    expect(person(state, "user_ben").position).not.toBeNull();
  });
});

describe("positions", () => {
  it("expire at the end of their lifetime, not before", () => {
    const tick: SessionEvent = { type: "time_passed" };
    const atTheEnd = apply(joined(), tick, NOW + 26_000);
    expect(person(atTheEnd, "user_ada").position).not.toBeNull();
    const over = apply(atTheEnd, tick, NOW + 26_001);
    expect(person(over, "user_ada")).toMatchObject({ position: null, lastSeenAt: NOW - 4_000 });
  });

  it("leave the state as it is while nothing expires", () => {
    const state = joined();
    expect(apply(state, { type: "time_passed" }, NOW).people).toBe(state.people);
  });

  it("disappear at once when somebody pauses or stops", () => {
    for (const status of ["paused", "stopped"] as const) {
      const event: SessionEvent = { type: "participant_status", data: { user_id: "user_ada", status } };
      expect(person(after([event], joined()), "user_ada")).toMatchObject({
        position: null,
        trail: [],
        status,
      });
    }
  });

  it("have no accuracy if the device reported none", () => {
    const data = { user_id: "user_ada", lat: 48.2, lng: 11.6, accuracy: null };
    const { position } = person(after([{ type: "location_update", data }], joined()), "user_ada");
    expect(position).toEqual({ lat: 48.2, lng: 11.6, at: NOW });
  });

  it("stay and age when a page is hidden", () => {
    const event: SessionEvent = {
      type: "participant_status",
      data: { user_id: "user_ada", status: "hidden" },
    };
    expect(person(after([event], joined()), "user_ada").position).not.toBeNull();
  });

  it("set the status to sharing", () => {
    const state = after(
      [
        { type: "participant_status", data: { user_id: "user_ada", status: "hidden" } },
        { type: "location_update", data: { user_id: "user_ada", ...HERE, speed: 3 } },
      ],
      joined(),
    );
    expect(person(state, "user_ada")).toMatchObject({ status: "sharing", position: { speed: 3, at: NOW } });
  });

  it("of unknown people are ignored", () => {
    const state = joined();
    const event: SessionEvent = { type: "location_update", data: { user_id: "user_x", ...HERE } };
    expect(apply(state, event, NOW).people).toBe(state.people);
  });

  it("make a bounded trail without points of standing still", () => {
    let state = joined();
    for (let step = 0; step < TRAIL_POINTS + 50; step++) {
      const fix = { ...HERE, lat: HERE.lat + step * 0.001 };
      const update: SessionEvent = { type: "location_update", data: { user_id: "user_ada", ...fix } };
      state = after([update, update], state);
    }
    expect(person(state, "user_ada").trail).toHaveLength(TRAIL_POINTS);
  });
});

describe("coming and going", () => {
  it("adds and removes people", () => {
    const cleo = { user_id: "user_cleo", display_name: "Cleo", avatar_color: "#15803D" };
    const state = after([{ type: "participant_joined", data: cleo }], joined());
    expect(person(state, "user_cleo").name).toBe("Cleo");
    expect(after([{ type: "participant_left", data: cleo }], state).people.has("user_cleo")).toBe(false);
  });

  it("ends the session for a removed person", () => {
    expect(after([{ type: "participant_left", data: ben }], joined()).ended).toBe("removed");
  });

  it("distinguishes leaving from being removed, whichever event comes first", () => {
    const events: SessionEvent[] = [{ type: "leaving" }, { type: "participant_left", data: ben }];
    expect(after(events, joined()).ended).toBe("left");
  });
});

describe("the end", () => {
  it.each([
    ["expired", "expired"],
    ["ended_by_creator", "ended_by_creator"],
  ])("says why: %s", (reason, ended) => {
    expect(after([{ type: "session_ended", data: { reason } }], joined()).ended).toBe(ended);
  });

  it.each([
    ["session_expired", "expired"],
    ["session_ended", "over"],
    ["session_not_found", "gone"],
    ["unauthorized", "removed"],
    ["session_full", "full"],
    ["session_locked", "locked"],
  ])("is also learnt from a refusal: %s", (reason, ended) => {
    expect(after([{ type: "refused", reason }]).ended).toBe(ended);
  });

  it("is final", () => {
    const ended = after([{ type: "session_ended", data: { reason: "expired" } }], joined());
    expect(apply(ended, { type: "connection", state: "offline" }, NOW)).toBe(ended);
  });
});

describe("watchers", () => {
  it("are counted", () => {
    const participants: SessionEvent = {
      type: "initial_participants",
      participants: [ada],
      watcher_count: 2,
      server_time: SERVER,
    };
    expect(after([participants], joined()).watchers).toBe(2);
    expect(after([{ type: "presence_watchers", data: { count: 3 } }], joined()).watchers).toBe(3);
  });

  it("that are removed do not see the session ended: they request a new token", () => {
    const dismissed = (reason: string) => after([{ type: "dismissed", data: { reason } }], joined());
    expect(dismissed("watching_revoked")).toMatchObject({ ended: null, connection: "connecting" });
    expect(dismissed("too_many_connections").ended).toBe("replaced");
  });
});

it("applies a change of name, end and lock", () => {
  const data = { name: "Ride", expires_at: "2030-01-01T12:10:00Z", locked: true, server_time: SERVER };
  expect(after([{ type: "session_updated", data }], joined())).toMatchObject({
    name: "Ride",
    locked: true,
    endsAt: NOW + 600_000,
  });
});

describe("presence", () => {
  const metas = { metas: [{ phx_ref: "1" }] };
  const offline = (state: SessionState) =>
    [...state.people.values()].filter((one) => one.isOffline).map((one) => one.name);

  it("marks people as offline by presence state and diff", () => {
    const came = after([{ type: "presence_state", presences: { user_ben: metas } }], joined());
    expect(offline(came)).toEqual(["Ada"]);
    const back = after([{ type: "presence_diff", joins: { user_ada: metas }, leaves: {} }], came);
    expect(offline(back)).toEqual([]);
    const gone = after([{ type: "presence_diff", joins: {}, leaves: { user_ada: metas } }], back);
    expect(offline(gone)).toEqual(["Ada"]);
  });

  it("does not mark a new participant as offline before their first connection", () => {
    const cleo = { user_id: "user_cleo", display_name: "Cleo", avatar_color: "#000000" };
    expect(offline(after([{ type: "participant_joined", data: cleo }], joined()))).toEqual([]);
  });
});
