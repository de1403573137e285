import { expect, it } from "vitest";
import { isRefused } from "./sharing";

it("does not take a passing trouble for a refusal", () => {
  expect([isRefused("no_gps"), isRefused("insecure")]).toEqual([false, true]);
});
