// The real binary, as a user starts it, on a free port and with a data directory of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const binary =
  process.env.TAGALONG_BIN ?? fileURLToPath(new URL("../../target/debug/tagalong", import.meta.url));

const START_DEADLINE_MS = 30_000;

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

export class Server {
  static async start(settings = {}) {
    const server = new Server();
    server.settings = settings;
    server.port = await freePort();
    server.directory = await mkdtemp(join(tmpdir(), "tagalong-"));
    await server.run();
    return server;
  }

  async run() {
    this.child = spawn(binary, ["serve"], {
      cwd: this.directory,
      env: { PORT: `${this.port}`, BIND: "127.0.0.1", DATA_DIR: this.directory, LOG_LEVEL: "warn", ...this.settings },
      stdio: ["ignore", "pipe", "inherit"],
    });
    // The line that tells people the address: printed once the server listens.
    const ended = once(this.child, "exit").then(([code]) => {
      throw new Error(`the server ended with ${code} before it was ready`);
    });
    const signal = AbortSignal.timeout(START_DEADLINE_MS);
    await Promise.race([once(createInterface(this.child.stdout), "line", { signal }), ended]);
    ended.catch(() => {});
  }

  async kill(signal) {
    const gone = once(this.child, "exit");
    this.child.kill(signal);
    return (await gone)[0];
  }

  async dispose() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill("SIGKILL");
    await rm(this.directory, { recursive: true });
  }

  async rest(method, path, { body, token } = {}) {
    const response = await fetch(`http://127.0.0.1:${this.port}/api${path}`, {
      method,
      headers: token ? { authorization: `Bearer ${token}` } : {},
      body: body && JSON.stringify(body),
    });
    return { status: response.status, ...(await response.json()) };
  }
}
