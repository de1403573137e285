import { describe, expect, it } from "vitest";
import { type Choice, roleOf, statusOf } from "./sharing-role";

const HERE = "this tab";
const chosen = (intent: Choice["intent"], tab = HERE): Choice => ({ intent, tab });

describe("the role of a tab", () => {
  it.each([
    [undefined, "unasked"],
    [chosen("sharing"), "sharing"],
    [chosen("sharing", "another"), "elsewhere"],
    [chosen("app", "another"), "app"],
    [chosen("paused", "another"), "paused"],
    [chosen("stopped", "another"), "stopped"],
  ] as const)("after %o is %o", (choice, role) => {
    expect(roleOf(choice, HERE)).toBe(role);
  });

  it("is to share in one tab at a time", () => {
    const tabs = ["first", "second", "third"];
    for (const tab of tabs) {
      const roles = tabs.map((other) => roleOf(chosen("sharing", tab), other));
      expect(roles.filter((role) => role === "sharing")).toHaveLength(1);
    }
  });
});

describe("the status that is sent", () => {
  it.each([
    ["on", false, "sharing"],
    ["searching", false, "sharing"],
    ["on", true, "hidden"],
    ["no_gps", false, "no_gps"],
    ["no_gps", true, "hidden"],
    ["denied", false, "stopped"],
    ["off", false, "stopped"],
  ] as const)("by the tab that shares, in phase %o (hidden: %o), is %o", (phase, isHidden, status) => {
    expect(statusOf("sharing", phase, isHidden)).toBe(status);
  });

  it.each([
    ["app", "sharing"],
    ["paused", "paused"],
    ["stopped", "stopped"],
    // Another tab or an app may share: "stopped" would take its position off the map.
    ["unasked", null],
    ["elsewhere", null],
  ] as const)("in the role %o is %o, seen or in the background", (role, status) => {
    expect([statusOf(role, "off", false), statusOf(role, "off", true)]).toEqual([status, status]);
  });
});
