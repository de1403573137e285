import { expect, it } from "vitest";
import { isRefused, statusOf } from "./sharing";

it.each([
  ["on", false, "sharing"],
  ["searching", false, "sharing"],
  ["on", true, "hidden"],
  ["app", true, "sharing"],
  ["no_gps", false, "no_gps"],
  ["no_gps", true, "hidden"],
  ["paused", true, "paused"],
  ["off", true, "stopped"],
  ["denied", false, "stopped"],
] as const)("tells the others of %o (hidden: %o) as %o", (phase, isHidden, status) => {
  expect(statusOf(phase, isHidden)).toBe(status);
});

it("does not take a passing trouble for a refusal", () => {
  expect([isRefused("no_gps"), isRefused("insecure")]).toEqual([false, true]);
});
