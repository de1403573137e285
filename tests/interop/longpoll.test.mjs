// Clients with `longPollFallbackMs` on networks that let no WebSocket through, in Node and in Chromium: they share and see by
// long polling, also after a restart; where WebSockets pass, they use these.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";
import WebSocket from "ws";
import { Network, WEBSOCKETS } from "./network.mjs";
import { Observer } from "./observer.mjs";
import { Server } from "./server.mjs";
import { Visitor } from "./visitor.mjs";
import { PolledRequest } from "./xml-http-request.mjs";

const VERSIONS = { "1.7.11": "phoenix-1.7.11", "1.7.21": "phoenix-1.7.21", "1.8.12": "phoenix-1.8.12", "1.8.16": "phoenix" };
/** This one does not hear that its long poll is closed: when it falls back, the close of its WebSocket comes late, and takes the
 * new transport's handler away. So it does not come back from a restart, whatever the server answers. 1.8.16 has it right. */
const DEAF = "1.8.12";
const FALLBACK_MS = 500;
/** Where WebSockets pass, a machine with much to do may take long for one. */
const PATIENT_MS = 60_000;
const DOWN_MS = 800;
const packages = createRequire(import.meta.url);

/** A browser's storage, which clients remember in that WebSockets do not pass. */
class Storage {
  #kept = new Map();
  getItem = (key) => this.#kept.get(key) ?? null;
  setItem = (key, value) => this.#kept.set(key, value);
}

/** Four versions of the client in this process. */
class InNode {
  static name = "Node";

  async open() {
    // Before 1.8 the client looks for these of a browser's when it polls.
    globalThis.self = globalThis;
    globalThis.XMLHttpRequest = PolledRequest;
  }

  async visit(version, url, options) {
    const { Socket } = packages(VERSIONS[version]);
    const visitor = new Visitor(Socket, url, { ...options, transport: WebSocket, sessionStorage: new Storage() });
    const does = Object.fromEntries(["joined", "hears", "push", "end"].map((name) => [name, (...given) => visitor[name](...given)]));
    return { ...does, uses: () => visitor.uses(WebSocket) };
  }

  async close() {
    delete globalThis.self;
    delete globalThis.XMLHttpRequest;
  }
}

/** The same as a page of another origin has them. */
class InChromium {
  static name = "Chromium";

  async open() {
    this.pages = createServer(async (asked, answer) => {
      const [, folder, name] = asked.url.split("/");
      const script = { lib: async () => readFile(library(name)), visitor: () => readFile(new URL("visitor.mjs", import.meta.url)) };
      const found = await script[folder]?.();
      answer.writeHead(200, { "content-type": found ? "text/javascript" : "text/html" }).end(found ?? "<!doctype html>");
    }).listen(0, "127.0.0.1");
    await once(this.pages, "listening");
    this.url = `http://127.0.0.1:${this.pages.address().port}`;
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    this.browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  }

  async visit(version, url, options) {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    await page.goto(this.url);
    await page.addScriptTag({ url: `/lib/${version}` });
    await page.evaluate(
      async ([url, options]) => {
        const { Visitor } = await import("/visitor");
        globalThis.visitor = new Visitor(globalThis.Phoenix.Socket, url, options);
      },
      [url, options],
    );
    const call = (name) => (...given) => page.evaluate(([name, given]) => globalThis.visitor[name](...given), [name, given]);
    return {
      joined: call("joined"),
      hears: call("hears"),
      push: call("push"),
      uses: () => page.evaluate(() => globalThis.visitor.uses(globalThis.WebSocket)),
      end: async () => {
        await context.close();
        assert.deepEqual(wrong, []);
      },
    };
  }

  async close() {
    await this.browser?.close();
    this.pages?.close();
  }
}

function library(version) {
  return new URL(`node_modules/${VERSIONS[version]}/priv/static/phoenix.js`, import.meta.url);
}

for (const Place of [InNode, InChromium]) {
  const place = new Place();
  before(() => place.open());
  after(() => place.close());

  test(`${Place.name}: whatever becomes of WebSockets, four versions share and see`, { timeout: 240_000 }, async (t) => {
    const server = await Server.start({ CORS_ORIGINS: "*" });
    t.after(() => server.dispose());
    const network = await Network.before(server);
    t.after(() => network.close());
    const { session_id: session } = await server.rest("POST", "/sessions", { body: {} });
    const observer = await Observer.in(server, session);
    t.after(() => observer.end());

    const come = async (version, kind, longPollFallbackMs) => {
      const joined = await server.rest("POST", `/sessions/${session}/join`, { body: { display_name: `${version} ${kind}` } });
      const url = `ws://127.0.0.1:${network.port}/socket`;
      const options = { token: joined.websocket_token, topic: `location:${session}`, longPollFallbackMs };
      const visitor = await place.visit(version, url, options);
      t.after(() => visitor.end());
      return visitor;
    };
    const shareAndSee = async (visitors, times, lat) => {
      await Promise.all(visitors.map((visitor) => visitor.joined(times)));
      observer.moves(lat);
      const own = visitors.map((_, index) => lat + (index + 1) / 100);
      const all = [...visitors.map((visitor) => visitor.hears(lat)), ...visitors.map((visitor, index) => visitor.push(own[index]))];
      await Promise.all([observer.sees(...own), ...all]);
    };

    const polling = [];
    for (const [index, kind] of [WEBSOCKETS.refused, WEBSOCKETS.dropped, WEBSOCKETS.hanging].entries()) {
      network.websockets = kind;
      const visitors = await Promise.all(Object.keys(VERSIONS).map((version) => come(version, kind, FALLBACK_MS)));
      await shareAndSee(visitors, 1, index + 1);
      for (const visitor of visitors) assert.equal(await visitor.uses(), "long poll", kind);
      polling.push(...visitors.filter((_, index) => Object.keys(VERSIONS)[index] !== DEAF));
    }

    await server.kill("SIGTERM");
    await pause(DOWN_MS);
    await server.run();
    await observer.come();
    await shareAndSee(polling, 2, 10);

    network.websockets = WEBSOCKETS.pass;
    const free = await Promise.all(Object.keys(VERSIONS).map((version) => come(version, "free", PATIENT_MS)));
    await shareAndSee(free, 1, 20);
    for (const visitor of free) assert.equal(await visitor.uses(), "WebSocket");
  });
}
