// Builds the server and starts it again whenever its code changes, beside Vite, which shows the page as it is edited.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Editors write a file in several steps. */
const SETTLE_MS = 200;

const run = (program, args, options = {}) =>
  spawn(program, args, { cwd: root, stdio: "inherit", ...options });

const vite = run("npm", ["run", "--silent", "dev"], { cwd: `${root}/web` });
let server;
let changed = true;
let wake = () => {};

async function stopServer() {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, "exit");
  server.kill("SIGTERM");
  await gone;
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    vite.kill("SIGTERM");
    await stopServer();
    process.exit(0);
  });
}

let settle;
for (const directory of ["core", "server"]) {
  watch(`${root}/crates/${directory}`, { recursive: true }, () => {
    clearTimeout(settle);
    settle = setTimeout(() => {
      changed = true;
      wake();
    }, SETTLE_MS);
  });
}

for (;;) {
  if (!changed) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  changed = false;
  const [code] = await once(run("cargo", ["build", "--quiet", "--bin", "tagalong"]), "exit");
  // What does not build leaves the last server running.
  if (code !== 0) continue;
  await stopServer();
  server = run("target/debug/tagalong", ["serve"]);
}
