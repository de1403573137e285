import { describe, expect, it } from "vitest";
import { bearingDegrees, boundsOf, compassPoint, distanceMetres, metresPerPixel } from "./geometry";

const munich = { lat: 48.1374, lng: 11.5755 };
const hamburg = { lat: 53.5503, lng: 10 };

it("measures a known distance", () => {
  expect(distanceMetres(munich, hamburg) / 1000).toBeCloseTo(612, -1);
  expect(distanceMetres(munich, munich)).toBe(0);
});

it("knows where north, east and south-west are", () => {
  expect(bearingDegrees(munich, { ...munich, lat: 49 })).toBeCloseTo(0);
  expect(bearingDegrees(munich, { ...munich, lng: 11.6 })).toBeCloseTo(90, 1);
  expect(compassPoint(225)).toBe(5);
  expect(compassPoint(359)).toBe(0);
});

describe("bounds", () => {
  it("hold all points", () => {
    expect(
      boundsOf([
        { lat: 1, lng: 2 },
        { lat: 3, lng: -4 },
      ]),
    ).toEqual([-4, 1, 2, 3]);
  });

  it("stay small across the date line", () => {
    expect(
      boundsOf([
        { lat: 0, lng: 179 },
        { lat: 1, lng: -179 },
      ]),
    ).toEqual([179, 0, 181, 1]);
  });

  it("of no points are null", () => {
    expect(boundsOf([])).toBeNull();
  });
});

it("knows the scale of the map", () => {
  expect(metresPerPixel(0, 0)).toBeCloseTo(78_184, 0);
  expect(metresPerPixel(60, 1)).toBeCloseTo(19_546, 0);
});
