import { describe, expect, it } from "vitest";
import { isTooWide, someoneIsHidden } from "./camera";

const view: [number, number, number, number] = [0, 0, 10, 10];

it("is too wide for a group that moved together, but not for a group along a line", () => {
  expect(isTooWide(view, [5, 5, 6, 6])).toBe(true);
  expect(isTooWide(view, [1, 1, 9, 9])).toBe(false);
  expect(isTooWide(view, [5, 1, 6, 9])).toBe(false);
});

describe("somebody is hidden", () => {
  const size = { width: 390, height: 500 };
  const button = { left: 330, top: 400, right: 378, bottom: 448 };
  const isHidden = (x: number, y: number) =>
    someoneIsHidden(
      [
        { x: 200, y: 200 },
        { x, y },
      ],
      size,
      [button],
    );

  it("outside of the view, at its edge, and under the panel", () => {
    expect([isHidden(-1, 200), isHidden(385, 200), isHidden(200, 490)]).toEqual([true, true, true]);
  });

  it("under a button", () => {
    expect([isHidden(350, 420), isHidden(325, 420), isHidden(350, 380)]).toEqual([true, true, false]);
  });

  it("nowhere else", () => {
    expect(isHidden(25, 25)).toBe(false);
  });
});
