// Holds the first visit to its budget: what goes over the wire, compressed as the server sends it.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const KIB = 1024;
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const html = readFileSync(join(dist, "index.html"), "utf8");
const worker = readFileSync(join(dist, "sw.js"), "utf8");

function wireSize(file) {
  const path = join(dist, file);
  try {
    return statSync(`${path}.br`).size;
  } catch {
    return statSync(path).size;
  }
}

const references = (page) => [...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]);
const linked = [
  ...references(html),
  ...[...worker.matchAll(/"\/([^"]+\.(?:js|css|svg))"/g)].map((match) => match[1]),
];
const filesOf = (page) => [page, ...references(readFileSync(join(dist, page), "utf8"))];
// For developers and for the operator: the phones of a group load neither.
const docs = filesOf("docs.html");
const dashboard = filesOf("dashboard.html");
const others = [...docs, ...dashboard];
const everyAsset = readdirSync(join(dist, "assets"))
  .filter((name) => !/\.(br|gz)$/.test(name))
  .map((name) => `assets/${name}`)
  .filter((file) => !others.includes(file) || linked.includes(file));
const shell = [...new Set(["index.html", "sw.js", ...linked])];
const whole = [...new Set([...shell, ...everyAsset])];

const budgets = [
  // The texts of two languages, the rules by which the page tells what is true, and a live page that needs no second request.
  ["home and join pages", shell, 52],
  ["everything, with the map", whole, 480],
  ["documentation of the API", docs, 24],
  ["dashboard", dashboard, 12],
];
for (const [what, files, limit] of budgets) {
  const size = files.reduce((sum, file) => sum + wireSize(file), 0) / KIB;
  console.log(`${what}: ${size.toFixed(1)} KiB of ${limit}`);
  if (size > limit) process.exitCode = 1;
}
