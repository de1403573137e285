import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin, type Rolldown } from "vite";

const server = process.env.TAGALONG_URL ?? "http://localhost:4000";

/** Writes /sw.js, which knows the hashed names of what belongs to the shell. */
function serviceWorker(): Plugin {
  return {
    name: "tagalong-service-worker",
    apply: "build",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const files = new Set<string>();
      const keep = (chunk: Rolldown.OutputChunk | undefined) => {
        if (!chunk || files.has(chunk.fileName)) return;
        for (const file of [chunk.fileName, ...(chunk.viteMetadata?.importedCss ?? [])]) files.add(file);
        for (const file of chunk.imports) keep(chunks.find(({ fileName }) => fileName === file));
      };
      for (const name of ["index", "live"]) keep(chunks.find((chunk) => chunk.name === name));
      const shell = ["/", "/icon.svg", "/manifest.webmanifest", ...[...files].map((file) => `/${file}`)];
      const everything = Object.keys(bundle).sort().join();
      const version = createHash("sha256").update(everything).digest("hex").slice(0, 12);
      const source = readFileSync(new URL("src/service-worker.js", import.meta.url), "utf8")
        .replace("__SHELL__", JSON.stringify(shell))
        .replace("__VERSION__", JSON.stringify(version));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  plugins: [serviceWorker()],
  build: {
    target: "es2022",
    rolldownOptions: { input: { index: "index.html", docs: "docs.html", dashboard: "dashboard.html" } },
    modulePreload: { polyfill: false },
    // The policy of the page allows no data: URL beyond images, and small files compress better in one go.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
  },
  worker: { format: "es" },
  server: {
    proxy: { "/api": server, "/socket": { target: server, ws: true } },
  },
});
