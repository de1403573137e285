import { defineConfig } from "vitest/config";

const shared = { testTimeout: 60_000, hookTimeout: 30_000, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "e2e", include: ["e2e/*.e2e.ts"], ...shared } },
      { test: { name: "page-cost", include: ["e2e/page-cost.ts"], ...shared, testTimeout: 400_000 } },
      { test: { name: "screenshots", include: ["e2e/screenshots.ts"], ...shared, testTimeout: 180_000 } },
    ],
  },
});
