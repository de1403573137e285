// The programs of docs/connect, as a developer would start them, beside somebody who hears and is heard.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { on, once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import WebSocket from "ws";
import { Server } from "./server.mjs";

const DEADLINE_MS = 30_000;
const here = fileURLToPath(new URL(".", import.meta.url));
const shown = fileURLToPath(new URL("../../docs/connect/", import.meta.url));
const built = fileURLToPath(new URL("../../target/", import.meta.url));
const node = await mkdtemp(join(here, "node_modules/.connect-"));

const programs = {
  JavaScript: [process.execPath, join(node, "live.mjs")],
  Python: [join(built, "tools/websockets-17.4/bin/python"), join(shown, "live.py")],
  Rust: [join(built, "debug/examples/connect")],
};

/** What session.sh prints, as the environment that it asks for. */
async function session(url) {
  const { stdout } = await promisify(execFile)("sh", [join(shown, "session.sh")], {
    env: { PATH: process.env.PATH, URL: url },
  });
  const pairs = stdout.trim().replace(/^export /, "").split(" ").map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([name, value]) => [name, value]));
}

/** Reads frames of the plain protocol until one is of this type. */
async function hear(messages, type) {
  for await (const [frame] of messages) {
    const message = JSON.parse(frame);
    if (message.type === type) return message.data;
  }
}

for (const [language, [command, ...args]] of Object.entries(programs)) {
  test(`the program in ${language} shares a position and shows the others'`, async () => {
    // Modules are found beside the file that imports them.
    await copyFile(join(shown, "live.mjs"), join(node, "live.mjs"));
    const server = await Server.start();
    const url = `http://127.0.0.1:${server.port}`;
    const known = await session(url);
    const ben = await server.rest("POST", `/sessions/${known.SESSION}/join`, { body: { display_name: "Ben" } });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws?token=${ben.websocket_token}`);
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await hear(on(socket, "message", { signal }), "initial_locations");

    const child = spawn(command, args, { env: { PATH: process.env.PATH, ...known }, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const lines = createInterface({ input: child.stdout });
      const moved = await hear(on(socket, "message", { signal }), "location_update");
      assert.deepEqual([moved.lat, moved.lng], [52.5145, 13.3501]);
      socket.send(JSON.stringify({ type: "location_update", data: { lat: 1.5, lng: 2.5 } }));
      const [line] = await once(lines, "line", { signal });
      assert.equal(line, `${ben.user_id} is at 1.5 2.5`);
    } finally {
      child.kill("SIGKILL");
      socket.close();
      await server.dispose();
    }
  });
}

after(() => rm(node, { recursive: true }));
