import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.TAGALONG_BIN ?? new URL("../../target/debug/tagalong", import.meta.url).pathname;

/** The real binary with its own data directory, on a free port. */
export class Server {
  private constructor(
    private readonly dataDir: string,
    private readonly settings: Record<string, string>,
    private process: ChildProcess,
    readonly url: string,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const dataDir = await mkdtemp(join(tmpdir(), "tagalong-e2e-"));
    const { process, url } = await launch({ PORT: "0", DATA_DIR: dataDir, ...settings });
    return new Server(dataDir, settings, process, url);
  }

  /** The admin token in the data directory. */
  async adminToken(): Promise<string> {
    return readFile(join(this.dataDir, "admin.token"), "utf8");
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** As in a power failure: without a shutdown. */
  async kill(): Promise<void> {
    await end(this.process, "SIGKILL");
  }

  /** On the same port, with the same data. */
  async startAgain(): Promise<void> {
    const settings = { PORT: String(this.port), DATA_DIR: this.dataDir, ...this.settings };
    ({ process: this.process } = await launch(settings));
  }

  async stop(): Promise<void> {
    await end(this.process, "SIGTERM");
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

async function launch(settings: Record<string, string>): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(BINARY, ["serve"], {
    env: { PATH: process.env.PATH, RATE_LIMITS: "off", LOG_LEVEL: "error", TILE_URL: "off", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = line.match(/http:\/\/localhost:\d+/)?.[0];
    if (url) return { process: child, url };
  }
  throw new Error(`${BINARY} ended without saying where it listens`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}
