import { expect, it } from "vitest";
import { graticule } from "./graticule";

const labels = (bounds: Parameters<typeof graticule>[0]) =>
  graticule(bounds).features.flatMap(({ properties }) => properties?.label ?? []);

it("draws few, round lines over a city", () => {
  const found = labels([11.5, 48.1, 11.6, 48.2]);
  expect(found).toContain("11.55° E");
  expect(found).toContain("48.15° N");
  expect(found.length).toBeLessThan(40);
});

it("covers the world and names its halves", () => {
  const found = labels([-180, -85, 180, 85]);
  expect(found).toEqual(expect.arrayContaining(["90° W", "90° E", "60° N", "60° S", "0°"]));
});
