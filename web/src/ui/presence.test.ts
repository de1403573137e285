import { describe, expect, it } from "vitest";
import type { Status } from "../channel";
import type { RosterEntry } from "../roster";
import { describePresence } from "./presence";

const entry = (presence: RosterEntry["presence"], ageMs: number | null, status: Status): RosterEntry => ({
  person: {
    userId: "user_1",
    name: "Ada",
    color: "#FF5733",
    status,
    isOffline: true,
    position: null,
    lastSeenAt: null,
    trail: [],
  },
  isMe: false,
  presence,
  ageMs,
  distance: null,
  bearing: null,
});

describe("the reason shown for a person without a connection", () => {
  it('is "offline" once their position has expired', () => {
    expect(describePresence(entry("ghost", 60_000, "sharing"))).toContain("offline");
    expect(describePresence(entry("silent", null, "hidden"))).toBe("offline");
  });

  it("is none while positions arrive: an app has no connection", () => {
    expect(describePresence(entry("live", 5_000, "sharing"))).toBe("now");
    expect(describePresence(entry("live", 45_000, "sharing"))).not.toContain("offline");
  });

  it('is "paused" if they paused', () => {
    expect(describePresence(entry("ghost", 60_000, "paused"))).toContain("paused");
  });
});
