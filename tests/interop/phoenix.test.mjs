// The official client, its oldest version in wide use and its newest, unmodified, against the real binary.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { Presence as NewestPresence, Socket as Newest } from "phoenix";
import { Presence as OlderPresence, Socket as Older } from "phoenix-1.7.21";
import WebSocket from "ws";
import { Server } from "./server.mjs";

const DEADLINE_MS = 20_000;
const EVENTS = [
  "initial_participants",
  "initial_locations",
  "participant_joined",
  "participant_left",
  "location_update",
  "session_ended",
];

/** Someone in a session: keeps what the channel tells, so that nobody has to listen at the right moment. */
class Person {
  constructor(server, Socket, session, participant, options) {
    this.told = [];
    this.news = new EventEmitter();
    this.user = participant.user_id;
    this.socket = new Socket(`ws://127.0.0.1:${server.port}/socket`, { transport: WebSocket, ...options });
    this.socket.connect();
    this.channel = this.socket.channel(`location:${session}`, {});
    for (const event of EVENTS) this.channel.on(event, (payload) => this.tell(event, payload));
    this.channel.onClose(() => this.tell("closed", {}));
  }

  tell(event, payload) {
    this.told.push({ event, payload });
    this.news.emit("news");
  }

  /** The next unheard telling of an event that fits; what came before it is forgotten. */
  async hear(event, fits = () => true) {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const index = this.told.findIndex((told) => told.event === event && fits(told.payload));
      if (index >= 0) return this.told.splice(0, index + 1).at(-1).payload;
      await once(this.news, "news", { signal }).catch(() => {
        throw new Error(`no ${event}; told: ${this.told.map((told) => told.event)}`);
      });
    }
  }

  /** Follows who is connected with the client's own class; its callbacks are told as `came` and `went`. */
  follow(Presence) {
    this.changes = [];
    const change = (event) => (user) => {
      this.changes.push([event, user]);
      this.tell(event, { user });
    };
    this.presence = new Presence(this.channel);
    this.presence.onJoin(change("came"));
    this.presence.onLeave(change("went"));
  }

  connected() {
    return this.presence.list((user) => user).sort();
  }

  push(event, payload) {
    return new Promise((resolve, reject) => {
      const sent = this.channel.push(event, payload, DEADLINE_MS);
      sent.receive("ok", resolve).receive("error", reject).receive("timeout", () => reject(new Error("timeout")));
    });
  }

  join() {
    return new Promise((resolve, reject) => {
      this.channel.join(DEADLINE_MS).receive("ok", resolve).receive("error", reject);
    });
  }
}

async function group(Socket, options = (token) => ({ params: { token } }), vsn = "2.0.0", settings = {}) {
  const server = await Server.start(settings);
  const session = await server.rest("POST", "/sessions", { body: { name: "Pass" } });
  const people = [];
  for (const display_name of ["Ada", "Ben"]) {
    const joined = await server.rest("POST", `/sessions/${session.session_id}/join`, { body: { display_name } });
    assert.equal(joined.status, 201);
    people.push(new Person(server, Socket, session.session_id, joined, { vsn, ...options(joined.websocket_token) }));
  }
  const end = async () => {
    for (const person of people) person.socket.disconnect();
    await server.dispose();
  };
  return { server, session, people, end };
}

async function meet({ session, people: [ada, ben] }) {
  for (const person of [ada, ben]) {
    const reply = await person.join();
    assert.equal(reply.status, "joined");
    assert.equal(reply.session_id, session.session_id);
    const { participants } = await person.hear("initial_participants");
    assert.deepEqual(participants.map((one) => one.display_name), ["Ada", "Ben"]);
    await person.hear("initial_locations");
  }
  assert.deepEqual(await ada.push("location_update", { lat: 47.5, lng: 11.25, accuracy: 4 }), {});
  const moved = await ben.hear("location_update");
  assert.equal(moved.type, "location_update");
  assert.equal(moved.data.user_id, ada.user);
  assert.deepEqual([moved.data.lat, moved.data.lng, moved.data.accuracy], [47.5, 11.25, 4]);
}

for (const [name, Socket, vsn] of [
  ["phoenix 1.7.21", Older, "2.0.0"],
  ["phoenix newest", Newest, "2.0.0"],
]) {
  test(`${name}: two people share, survive a killed server, and see the end`, async (t) => {
    const all = await group(Socket, undefined, vsn);
    t.after(all.end);
    await meet(all);
    const { server, session, people: [ada, ben] } = all;
    assert.equal((await ada.push("ping", {})).type, "pong");
    await assert.rejects(ada.push("location_update", { lat: 91, lng: 0 }), { reason: "invalid_location_data" });
    await assert.rejects(ada.push("dance", {}), { reason: "unknown_event" });

    await server.kill("SIGKILL");
    await server.run();
    for (const person of [ada, ben]) await person.hear("initial_participants");
    await ben.push("location_update", { lat: 47.6, lng: 11.3 });
    assert.equal((await ada.hear("location_update")).data.lat, 47.6);

    const ended = await server.rest("DELETE", `/sessions/${session.session_id}`, { token: session.creator_token });
    assert.deepEqual(ended, { status: 200, success: true });
    for (const person of [ada, ben]) {
      assert.equal((await person.hear("session_ended")).data.reason, "ended_by_creator");
      await person.hear("closed");
    }
  });
}

for (const [name, Socket, Presence] of [
  ["phoenix 1.7.21", Older, OlderPresence],
  ["phoenix newest", Newest, NewestPresence],
]) {
  test(`${name}: its Presence shows who is connected, and a short absence is none`, async (t) => {
    const all = await group(Socket, undefined, "2.0.0", { PRESENCE_GRACE_SECONDS: "3" });
    t.after(all.end);
    const [ada, ben] = all.people;
    ada.follow(Presence);
    await ada.join();
    assert.equal((await ada.hear("came")).user, ada.user);
    await ben.join();
    assert.equal((await ada.hear("came")).user, ben.user);
    const both = [ada.user, ben.user].sort();
    assert.deepEqual(ada.connected(), both);

    // The transport goes without a word, and the client comes back by itself.
    const back = new Promise((resolve) => ben.channel.on("presence_state", resolve));
    ben.socket.conn.terminate();
    assert.deepEqual(Object.keys(await back).sort(), both);
    ben.socket.disconnect();
    await ada.hear("went");
    assert.deepEqual(ada.connected(), [ada.user]);
    assert.deepEqual(ada.changes, [["came", ada.user], ["came", ben.user], ["went", ben.user]]);
  });
}

test("phoenix newest: the token in a subprotocol", async (t) => {
  const all = await group(Newest, (authToken) => ({ authToken }));
  t.after(all.end);
  await meet(all);
});

test("a stopping server sends everyone to the next one, and ends well", async (t) => {
  const all = await group(Newest);
  t.after(all.end);
  await meet(all);
  const closed = new Promise((resolve) => all.people[0].socket.onClose((event) => resolve(event.code)));
  assert.equal(await all.server.kill("SIGTERM"), 0);
  assert.equal(await closed, 1012);
});

test("someone who is removed is told, and the others too", async (t) => {
  const all = await group(Newest);
  t.after(all.end);
  await meet(all);
  const { server, session, people: [ada, ben] } = all;
  const path = `/sessions/${session.session_id}/participants/${ben.user}`;
  assert.equal((await server.rest("DELETE", path, { token: session.creator_token })).status, 200);
  for (const person of [ada, ben]) assert.equal((await person.hear("participant_left")).data.user_id, ben.user);
  await ben.hear("closed");
  assert.equal((await server.rest("DELETE", path, { token: session.creator_token })).code, "PARTICIPANT_LEFT");
});
