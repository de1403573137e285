import { expect, it } from "vitest";
import { needsRefit } from "./camera";

const view: [number, number, number, number] = [0, 0, 10, 10];

it("moves for a new group, for somebody outside, and for a group that drew together", () => {
  expect(needsRefit(view, [2, 2, 8, 8], true)).toBe(true);
  expect(needsRefit(view, [2, 2, 11, 8], false)).toBe(true);
  expect(needsRefit(view, [5, 5, 6, 6], false)).toBe(true);
});

it("stays while everyone is well in view", () => {
  expect(needsRefit(view, [1, 1, 9, 9], false)).toBe(false);
  expect(needsRefit(view, [5, 1, 6, 9], false)).toBe(false);
});
