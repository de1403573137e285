// Existing clients, unmodified: join, share, see, lose the line and come back, leave and join anew at once.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { Network } from "./network.mjs";
import { Observer } from "./observer.mjs";
import { Server } from "./server.mjs";
import { Visitor } from "./visitor.mjs";

const DEADLINE_MS = 40_000;
const packages = createRequire(import.meta.url);
// Some look for a browser's globals when they are loaded.
globalThis.window ??= globalThis;
globalThis.WebSocket ??= WebSocket;

/** What the packages call a socket. */
const PHOENIX = {
  "phoenix 1.2.1": () => packages("phoenix-1.2.1").Socket,
  "phoenix 1.3.5": () => packages("phoenix-1.3.5").Socket,
  "phoenix 1.4.18": () => packages("phoenix-1.4.18").Socket,
  "phoenix 1.5.14": () => packages("phoenix-1.5.14").Socket,
  "phoenix 1.6.16": () => packages("phoenix-1.6.16").Socket,
  "phoenix 1.7.11": () => packages("phoenix-1.7.11").Socket,
  "phoenix 1.7.21": () => packages("phoenix-1.7.21").Socket,
  "phoenix 1.8.12": () => packages("phoenix-1.8.12").Socket,
  "phoenix 1.8.16": () => packages("phoenix").Socket,
  "@supabase/phoenix 0.4.5": () => packages("@supabase/phoenix").Socket,
  "phoenix-channels 1.0.0": () => packages("phoenix-channels").Socket,
  "phoenix-socket 1.2.3": () => packages("phoenix-socket").Socket ?? globalThis.Phoenix.Socket,
  "@supabase/realtime-js 1.7.5": () => supabase1(packages("realtime-js-1.7.5")),
  "@supabase/realtime-js 2.10.9": () => supabase2(packages("realtime-js-2.10.9"), {}),
  "@supabase/realtime-js 2.109.0": () => supabase2(packages("@supabase/realtime-js"), { transport: WebSocket }),
};

/** Its channels in Phoenix's words. */
function supabase1({ RealtimeClient }) {
  return class extends RealtimeClient {
    onError = () => {};
    channel(topic) {
      const channel = super.channel(topic, {});
      return {
        on: (event, callback) => channel.on(event, callback),
        join: () => channel.subscribe(DEADLINE_MS),
        push: (event, payload) => channel.push(event, payload, DEADLINE_MS),
        leave: () => channel.unsubscribe(),
      };
    }
  };
}

/** The same; its `channel()` asks for topics of its own form, so that its channel class is used. */
function supabase2({ RealtimeClient, RealtimeChannel }, options) {
  return class extends RealtimeClient {
    onError = () => {};
    constructor(url, { params, reconnectAfterMs }) {
      super(url, { params: { apikey: "none", ...params }, reconnectAfterMs, timeout: DEADLINE_MS, ...options });
    }
    channel(topic) {
      const channel = new RealtimeChannel(topic, { config: {} }, this);
      if (!this.channels.includes(channel)) this.channels.push(channel);
      return {
        on: (event, callback) => channel._on(event, {}, callback),
        join: () => ok((done) => channel.subscribe((status) => status === "SUBSCRIBED" && done())),
        push: (event, payload) =>
          channel._push ? channel._push(event, payload, DEADLINE_MS) : channel.channelAdapter.push(event, payload, DEADLINE_MS),
        leave: () => ok((done) => channel.unsubscribe().then(done)),
      };
    }
  };
}

/** What clients answer with, of one answer. */
function ok(begin) {
  const receivers = {
    receive(status, callback) {
      if (status === "ok") begin(callback);
      return receivers;
    },
  };
  return receivers;
}

let server, network;
before(async () => {
  server = await Server.start();
  network = await Network.before(server);
});
after(async () => {
  network.close();
  await server.dispose();
});

async function meet(t, display_name) {
  const { session_id: session } = await server.rest("POST", "/sessions", { body: {} });
  const { websocket_token: token } = await server.rest("POST", `/sessions/${session}/join`, { body: { display_name } });
  const observer = await Observer.in(server, session);
  t.after(() => observer.end());
  return { token, topic: `location:${session}`, observer };
}

for (const [name, load] of Object.entries(PHOENIX)) {
  test(name, { timeout: 2 * DEADLINE_MS }, async (t) => {
    const { token, topic, observer } = await meet(t, name);
    const url = `ws://127.0.0.1:${network.port}/socket`;
    const visitor = new Visitor(load(), url, { token, topic, transport: WebSocket });
    t.after(() => visitor.end());
    const shareAndSee = async (lat) => {
      observer.moves(lat);
      await Promise.all([visitor.hears(lat), visitor.push(lat + 0.5), observer.sees(lat + 0.5)]);
    };
    await visitor.joined();
    await shareAndSee(1);
    network.cut();
    await visitor.joined(2);
    await shareAndSee(2);
    // Not waiting for the answer: the close of the old channel comes after the new one has asked to join.
    const left = visitor.leave();
    visitor.join();
    await left;
    await visitor.joined(3);
    await shareAndSee(3);
  });
}

const environments = fileURLToPath(new URL("../../target/tools/", import.meta.url));
const PYTHON = {
  "phxsocket 0.1.5": ["phxsocket", "phoenix-channels-0.4.1/bin/python"],
  "phoenix-channels-python-client 0.4.1": ["phoenix_channels", "phoenix-channels-0.4.1/bin/python"],
  "phx-events 0.4.1": ["phx_events", "phx-events-0.4.1/bin/python"],
};

for (const [name, [client, python]] of Object.entries(PYTHON)) {
  test(`${name} (Python)`, { timeout: 2 * DEADLINE_MS }, async (t) => {
    const { token, topic, observer } = await meet(t, name);
    const program = fileURLToPath(new URL("clients.py", import.meta.url));
    const url = `ws://127.0.0.1:${server.port}/socket/websocket`;
    const child = spawn(environments + python, [program, client, url, token, topic], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout });
    const ended = once(child, "exit").then(([code]) => assert.fail(`the program ended with ${code}`));
    await Promise.race([observer.sees(1.5), ended]);
    observer.moves(48.25);
    const [line] = await Promise.race([once(lines, "line", { signal: AbortSignal.timeout(DEADLINE_MS) }), ended]);
    assert.equal(line, "48.25");
    ended.catch(() => {});
  });
}
