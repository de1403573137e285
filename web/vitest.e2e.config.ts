import { defineConfig } from "vitest/config";
import { DEADLINE_MS } from "./e2e/deadline.ts";

/** A test is a row of waits, each of which has the deadline to itself. */
const shared = {
  testTimeout: 4 * DEADLINE_MS,
  hookTimeout: DEADLINE_MS,
  // Tests mostly wait for time to pass, and each file has servers and browsers of its own.
  maxWorkers: 2,
  expect: { poll: { timeout: DEADLINE_MS } },
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: "e2e", include: ["e2e/*.e2e.ts"], ...shared } },
      { test: { name: "page-cost", include: ["e2e/page-cost.ts"], ...shared, testTimeout: 400_000 } },
      { test: { name: "screenshots", include: ["e2e/screenshots.ts"], ...shared, testTimeout: 180_000 } },
    ],
  },
});
