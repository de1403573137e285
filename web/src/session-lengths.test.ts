import { expect, it } from "vitest";
import { anHourMore, lengthsUpTo } from "./session-lengths";

it("offers durations that the server accepts, the longest included", () => {
  expect(lengthsUpTo(1440)).toEqual([60, 240, 720, 1440]);
  expect(lengthsUpTo(120)).toEqual([60, 120]);
  expect(lengthsUpTo(30)).toEqual([30]);
});

it("adds an hour up to the longest", () => {
  expect(anHourMore(9.5 * 60_000, 1440)).toBe(70);
  expect(anHourMore(9.5 * 60_000, 60)).toBe(60);
  expect(anHourMore(-1, 1440)).toBe(60);
});
