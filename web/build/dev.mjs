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

const web = `${root}/web`;
await once(run("npm", ["run", "--silent", "world"], { cwd: web }), "exit");
// Not by npm, which does not pass a signal on.
const vite = run("node_modules/.bin/vite", [], { cwd: web });
let build;
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
    build?.kill("SIGTERM");
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
  build = run("cargo", ["build", "--quiet", "--bin", "tagalong"]);
  const [code] = await once(build, "exit");
  // What does not build leaves the last server running.
  if (code !== 0) continue;
  await stopServer();
  server = run("target/debug/tagalong", ["serve"]);
}
