import { describe, expect, it } from "vitest";
import { type SharingFacts, sharingState } from "./sharing-state";

const sharing: SharingFacts = {
  phase: "on",
  connection: "online",
  isRefused: false,
  isPrompting: false,
  accuracy: 10,
  ageMs: 0,
  isOnMap: true,
};

describe("the state of one's own sharing", () => {
  it.each<[string, Partial<SharingFacts>]>([
    ["on", {}],
    ["interrupted", { connection: "offline" }],
    ["interrupted", { connection: "connecting" }],
    ["interrupted", { connection: "offline", isRefused: true }],
    ["refused", { isRefused: true }],
    ["rough", { accuracy: 2_000 }],
    ["on", { accuracy: null }],
    ["searching", { phase: "searching" }],
    ["prompting", { phase: "searching", isPrompting: true }],
    ["quiet", { phase: "quiet" }],
    ["app", { phase: "app" }],
    ["app_quiet", { phase: "app", isOnMap: false }],
    ["elsewhere_quiet", { phase: "elsewhere", isOnMap: false }],
    ["elsewhere", { phase: "elsewhere", isOnMap: false, connection: "offline" }],
    ["paused", { phase: "paused", isRefused: true }],
    ["watching", { phase: "watching" }],
  ])("is %s for %j", (expected, facts) => {
    expect(sharingState({ ...sharing, ...facts })).toBe(expected);
  });
});
