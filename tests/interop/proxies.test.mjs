// The recipes of deploy/proxy, with ports and certificate replaced, in the real proxies: what people and the server
// see through them, and what the proxies write down. A proxy that is not installed is skipped, and the report says so.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
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
          .replaceAll("/var/log/nginx/tagalong.log", at("access.log"))
          .replaceAll("/var/log/nginx/tagalong.error.log", at("error.log"))}
      }`,
    command: (file, at) => ["nginx", ["-p", at("."), "-c", file]],
    routes: [/ GET \/join 200 /, / POST \/track 50[24] /, / GET other \d/],
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
    routes: [/ GET \/join 200 /, / POST \/track 50[234] /, / GET \/- \d/],
  },
  caddy: {
    recipe: "Caddyfile",
    configuration: (recipe, at) =>
      recipe
        .replace(/^\{$/m, "{\nadmin off\nauto_https disable_redirects\nskip_install_trust")
        .replace("tagalong.example.org {", `https://127.0.0.1:${at.port} {\ntls ${at("cert.pem")} ${at("key.pem")}`),
    // It listens on one port only: without a certificate of its own there is nothing to redirect to.
    isPlain: false,
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

async function startProxy({ recipe, configuration, command, isPlain = true }, server, directory) {
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
  const written = async () => {
    const files = await Promise.all(["access.log", "error.log"].map((name) => readFile(at(name), "utf8").catch(() => "")));
    return [Buffer.concat(output).toString(), ...files].join("\n");
  };
  const said = () => Buffer.concat(output).toString();
  return { child, port: at.port, plainPort: isPlain ? at.plainPort : null, said, written };
}

/** The status of a request through the proxy with something in its address that nobody else may know. */
async function visit(proxy, path, { body, headers, plain = false } = {}) {
  const options = { host: "127.0.0.1", port: plain ? proxy.plainPort : proxy.port, path, method: body ? "POST" : "GET" };
  const ask = plain ? plainRequest : request;
  const asked = ask({ ...options, headers, rejectUnauthorized: false, agent: false });
  asked.end(body);
  const [answer] = await once(asked, "response", { signal: AbortSignal.timeout(DEADLINE_MS) });
  answer.resume();
  await once(answer, "end");
  return answer.statusCode;
}

/** Uses every kind of address that opens something. */
async function visitAll(proxy, { id, token, tracker }) {
  const statuses = [];
  const referer = `https://127.0.0.1:${proxy.port}/join/${id}`;
  for (const path of [
    `/join/${id}`,
    `/api/sessions/${id}`,
    `/api/sessions/${id}/participants?token=${token}`,
    `/socket/websocket?token=${token}&vsn=2.0.0`,
    `/ws?token=${token}`,
    `//join/${id}`,
    `/JOIN/${id}`,
    `/%6aoin/${id}`,
    `/${id}`,
    `/?session=${id}`,
  ]) {
    statuses.push(await visit(proxy, path, { headers: { referer } }));
    if (proxy.plainPort) statuses.push(await visit(proxy, path, { headers: { referer }, plain: true }));
  }
  for (const body of ["{}", `{"locations":[${Array(20_000).fill("{}")}]}`]) {
    statuses.push(await visit(proxy, `/track/${tracker}/overland`, { body }));
  }
  return statuses;
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
      if (through.child.exitCode !== null || through.child.signalCode !== null) return;
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
      people.push({ channel, token: place.websocket_token, id: place.user_id });
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

    const [{ token, id }] = people;
    const headers = { authorization: `Bearer ${token}` };
    const links = await call(through, `/sessions/${session.session_id}/participants/${id}/trackers`, { headers });
    const tracker = JSON.stringify(links).match(/\/track\/([\w-]+)\//)[1];
    const secrets = { id: session.session_id, token, tracker };
    assert.ok((await visitAll(through, secrets)).includes(200));
    await server.kill("SIGKILL");
    const away = await visitAll(through, secrets);
    assert.ok(away.some((status) => [502, 503].includes(status)), `${away}`);

    const gone = once(through.child, "exit");
    through.child.kill("SIGTERM");
    await gone;
    const written = await through.written();
    for (const [what, secret] of Object.entries({ ...secrets, creator: session.creator_token, other: people[1].token })) {
      const at = written.indexOf(secret);
      assert.equal(at, -1, `${what} in what ${name} wrote: ${written.slice(Math.max(0, at - 300), at + 300)}`);
    }
    if (proxy.routes) for (const route of proxy.routes) assert.match(written, route);
  });
}
