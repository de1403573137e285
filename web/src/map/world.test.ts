import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { decodeLand } from "./world";

it("reads rings as steps from point to point", () => {
  // 10 steps to a degree; one polygon of one ring of three points: (0, 0), (+10, -1), (-100, 0).
  const bytes = Uint8Array.from([20, 2, 2, 6, 0, 0, 20, 1, 199, 1, 0]);
  expect(decodeLand(bytes).coordinates).toEqual([
    [
      [
        [0, 0],
        [1, -0.1],
        [-9, -0.1],
      ],
    ],
  ]);
});

it("closes every ring of the real world and keeps it on the globe", () => {
  const { coordinates } = decodeLand(readFileSync(new URL("./land.generated.bin", import.meta.url)));
  expect(coordinates.length).toBeGreaterThan(100);
  for (const ring of coordinates.flat()) {
    expect(ring[0]).toEqual(ring[ring.length - 1]);
    const lngs = ring.map(([lng]) => lng as number);
    const lats = ring.map(([, lat]) => lat as number);
    expect(Math.max(...lngs.map(Math.abs))).toBeLessThanOrEqual(180);
    expect(Math.max(...lats.map(Math.abs))).toBeLessThanOrEqual(90);
  }
});
