import { expect, it } from "vitest";
import { formatAge, formatDistance, formatDuration, formatSpeed } from "./format";

it.each([
  [7, "7 m"],
  [123, "120 m"],
  [1_440, "1.4 km"],
  [23_400, "23 km"],
])("writes %d metres as %o", (metres, text) => {
  expect(formatDistance(metres)).toBe(text);
});

it("writes speed in km/h", () => {
  expect(formatSpeed(10)).toBe("36 km/h");
});

it.each([
  [0, "now"],
  [11_999, "now"],
  [40_000, "40s ago"],
  [120_000, "2m ago"],
  [7_200_000, "2h ago"],
])("writes an age of %d ms as %o", (age, text) => {
  expect(formatAge(age)).toBe(text);
});

it.each([
  [42_000, "42 sec"],
  [60_000, "1 min"],
  [3_600_000, "1 hr"],
  [13_500_000, "3 hr 45 min"],
  [-5, "0 sec"],
])("writes a duration of %d ms as %o", (duration, text) => {
  expect(formatDuration(duration)).toBe(text);
});
