import { expect, it } from "vitest";
import { firstUnusedColor, initials, inkOn, PALETTE } from "./palette";

it.each([
  ["Ada Lovelace", "AL"],
  ["ben", "B"],
  ["  Jean  Luc  Picard ", "JP"],
  ["🚲 team", "🚲T"],
  ["", "?"],
])("shortens %o to %o", (name, short) => {
  expect(initials(name)).toBe(short);
});

it("offers an unused colour", () => {
  expect(firstUnusedColor([])).toBe(PALETTE[0]);
  expect(firstUnusedColor([PALETTE[0].toLowerCase(), PALETTE[1]])).toBe(PALETTE[2]);
  expect(PALETTE).toContain(firstUnusedColor([...PALETTE]));
});

it("writes initials with enough contrast", () => {
  for (const color of PALETTE) expect(inkOn(color)).toBe("#fff");
  expect(inkOn("#FFFF00")).toBe("#000");
});
