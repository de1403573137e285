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

describe("what is said of somebody without a connection", () => {
  it("is that they are offline, once their position is over", () => {
    expect(describePresence(entry("ghost", 60_000, "sharing"))).toContain("offline");
    expect(describePresence(entry("silent", null, "hidden"))).toBe("offline");
  });

  it("is not, while positions come: an app has no connection", () => {
    expect(describePresence(entry("live", 5_000, "sharing"))).toBe("now");
    expect(describePresence(entry("live", 45_000, "sharing"))).not.toContain("offline");
  });

  it("is what they chose, if they paused", () => {
    expect(describePresence(entry("ghost", 60_000, "paused"))).toContain("paused");
  });
});
