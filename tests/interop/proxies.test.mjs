// The recipes of deploy/proxy, with ports and certificate replaced, in the real proxies: what people and the server
// see through them. A proxy that is not installed is skipped, and the report says so.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Socket } from "phoenix";
import WebSocket from "ws";
import { freePort, Server } from "./server.mjs";

const DEADLINE_MS = 20_000;
const PROXIES = {
  nginx: {
    recipe: "nginx.conf",
    configuration: (recipe, at) => `
      daemon off; master_process off; pid ${at("pid")}; error_log stderr;
      events {}
      http {
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((one) => `${one}_temp_path ${at(one)};`).join("\n")}
        ${recipe
          .replace("listen 443 ssl;", `listen 127.0.0.1:${at.port} ssl;`)
          .replace("listen 80;", `listen 127.0.0.1:${at.plainPort};`)
          .replace("/etc/ssl/tagalong/fullchain.pem", at("cert.pem"))
          .replace("/etc/ssl/tagalong/privkey.pem", at("key.pem"))
          .replace("/var/log/nginx/tagalong.log", at("access.log"))}
      }`,
    command: (file, at) => ["nginx", ["-p", at("."), "-c", file]],
  },
  haproxy: {
    recipe: "haproxy.cfg",
    configuration: (recipe, at) =>
      recipe
        .replace("bind :443", `bind 127.0.0.1:${at.port}`)
        .replace("bind :80", `bind 127.0.0.1:${at.plainPort}`)
        .replace("/etc/haproxy/tagalong.pem", at("both.pem"))
        .replace("log /dev/log local0", "log stdout format raw local0")
        .replace("maxconn 100000", "maxconn 200"),
    command: (file) => ["haproxy", ["-db", "-f", file]],
  },
  caddy: {
    recipe: "Caddyfile",
    configuration: (recipe, at) =>
      `{
        admin off
        auto_https disable_redirects
        skip_install_trust
      }
      ${recipe.replace("tagalong.example.org {", `https://127.0.0.1:${at.port} {\ntls ${at("cert.pem")} ${at("key.pem")}`)}`,
    command: (file) => ["caddy", ["run", "--adapter", "caddyfile", "--config", file]],
  },
};

function isInstalled(name) {
  return spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
}

async function untilListening(port, child) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    assert.equal(child.exitCode, null, "the proxy has ended");
    const socket = connect(port, "127.0.0.1");
    const listens = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)])
      .catch(() => false);
    socket.destroy();
    if (listens) return;
    assert.ok(Date.now() < end, "the proxy does not listen");
    await pause(20);
  }
}

async function startProxy({ recipe, configuration, command }, server, directory) {
  const at = (name) => join(directory, name);
  at.port = await freePort();
  at.plainPort = await freePort();
  const certificate = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...certificate, ...names, "-keyout", at("key.pem"), "-out", at("cert.pem")], { stdio: "ignore" });
  await writeFile(at("both.pem"), (await readFile(at("cert.pem"), "utf8")) + (await readFile(at("key.pem"), "utf8")));
  const text = await readFile(new URL(`../../deploy/proxy/${recipe}`, import.meta.url), "utf8");
  const file = at("proxy.conf");
  await writeFile(file, configuration(text.replace("127.0.0.1:4000", `127.0.0.1:${server.port}`), at));
  const [program, args] = command(file, at);
  const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
  const output = [];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(data));
  await untilListening(at.port, child).catch((error) => {
    throw new Error(`${program}: ${error.message}\n${Buffer.concat(output)}`);
  });
  return { child, port: at.port, said: () => Buffer.concat(output).toString(), accessLog: at("access.log") };
}

/** One REST call through the proxy, from an address of this machine. */
async function call(proxy, path, { body, headers, from = "127.0.0.1" } = {}) {
  const options = { host: "127.0.0.1", port: proxy.port, path: `/api${path}`, method: body ? "POST" : "GET" };
  const asked = request({ ...options, headers, localAddress: from, rejectUnauthorized: false, agent: false });
  asked.end(body && JSON.stringify(body));
  const [answer] = await once(asked, "response", { signal: AbortSignal.timeout(DEADLINE_MS) });
  let text = "";
  for await (const part of answer) text += part;
  return { status: answer.statusCode, ...JSON.parse(text) };
}

class OwnCertificate extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { rejectUnauthorized: false });
  }
}

function told(channel, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event}`)), DEADLINE_MS);
    channel.on(event, (payload) => {
      clearTimeout(late);
      resolve(payload);
    });
  });
}

for (const [name, proxy] of Object.entries(PROXIES)) {
  test(`the recipe for ${name}`, { skip: !isInstalled(name) && `${name} is not installed` }, async (context) => {
    const server = await Server.start({ TRUSTED_PROXIES: "127.0.0.1", SESSIONS_PER_HOUR: "2" });
    context.after(() => server.dispose());
    const directory = await mkdtemp(join(tmpdir(), "tagalong-proxy-"));
    context.after(() => rm(directory, { recursive: true }));
    const through = await startProxy(proxy, server, directory);
    context.after(async () => {
      const gone = once(through.child, "exit");
      through.child.kill("SIGTERM");
      await gone;
    });

    const session = await call(through, "/sessions", { body: { name: "Walk" } });
    assert.equal(session.status, 201, through.said());
    assert.ok(session.join_link.startsWith(`https://127.0.0.1:${through.port}/join/`), session.join_link);
    const sockets = [];
    const people = [];
    for (const display_name of ["Ada", "Grace"]) {
      const place = await call(through, `/sessions/${session.session_id}/join`, { body: { display_name } });
      assert.equal(place.websocket_url, `wss://127.0.0.1:${through.port}/socket/websocket`);
      const params = { token: place.websocket_token };
      const socket = new Socket(place.websocket_url.replace(/\/websocket$/, ""), { params, transport: OwnCertificate });
      socket.connect();
      sockets.push(socket);
      const channel = socket.channel(`location:${session.session_id}`, {});
      const welcomed = told(channel, "initial_locations");
      channel.join();
      await welcomed;
      people.push({ channel, token: place.websocket_token });
    }
    const moved = told(people[1].channel, "location_update");
    people[0].channel.push("location_update", { lat: 52.5, lng: 13.25 });
    assert.equal((await moved).data.lat, 52.5);
    for (const socket of sockets) await new Promise((resolve) => socket.disconnect(resolve));

    // Whatever a client says of where it comes from, it is one address and has one address's limit.
    const lies = (n) => ({ forwarded: `for=198.51.100.${n}`, "x-forwarded-for": `203.0.113.${n}` });
    assert.equal((await call(through, "/sessions", { body: {}, headers: lies(1) })).status, 201);
    assert.equal((await call(through, "/sessions", { body: {}, headers: lies(2) })).code, "RATE_LIMITED");
    // Another one has a limit of its own: the proxy says who asks.
    assert.equal((await call(through, "/sessions", { body: {}, from: "127.0.0.2" })).status, 201);

    const logged = through.said() + (await readFile(through.accessLog, "utf8").catch(() => ""));
    for (const { token } of people) assert.ok(!logged.includes(token), `a token in the log of ${name}`);
  });
}
