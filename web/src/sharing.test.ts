import { expect, it } from "vitest";
import { isRefused } from "./sharing";

it("does not treat a temporary problem as a refusal", () => {
  expect([isRefused("no_gps"), isRefused("insecure")]).toEqual([false, true]);
});
