import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { preProcessFile } from "typescript";
import { expect, it } from "vitest";

const ROOT = import.meta.dirname;

/** Each source file and the source files that it imports: statically, type-only or dynamically. */
function importGraph(): Map<string, string[]> {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((file) => /\.ts$/.test(file));
  const imports = (file: string) => {
    const { importedFiles } = preProcessFile(readFileSync(join(ROOT, file), "utf8"));
    const local = importedFiles.filter(({ fileName }) => fileName.startsWith("."));
    return local
      .map(({ fileName }) => `${join(dirname(file), fileName)}.ts`)
      .filter((path) => files.includes(path));
  };
  return new Map(files.map((file) => [file, imports(file)]));
}

/** The first circle found: its files in order, the first one again at the end. */
function findCircle(graph: Map<string, string[]>): string[] | null {
  const done = new Set<string>();
  const search = (file: string, path: string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const imported of graph.get(file) ?? []) {
      const circle = search(imported, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const circle = search(file, []);
    if (circle) return circle;
  }
  return null;
}

it("has no circular imports, type-only and dynamic imports included", () => {
  const graph = importGraph();
  // One static and one dynamic import, as a check of the graph itself.
  expect(graph.get("main.ts")).toEqual(expect.arrayContaining(["route.ts", "live.ts"]));
  expect(findCircle(graph)).toBeNull();
});
