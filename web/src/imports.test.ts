import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { preProcessFile } from "typescript";
import { expect, it } from "vitest";

const ROOT = import.meta.dirname;

/** Each source file with the source files it imports: statically, for their types alone, or when they are needed. */
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
  // The reading of imports works: these two are a static and a dynamic import.
  expect(graph.get("main.ts")).toEqual(expect.arrayContaining(["route.ts", "live.ts"]));
  expect(findCircle(graph)).toBeNull();
});
