// Makes the world outline that lies beneath the map tiles: Natural Earth's land, simplified until it is
// small enough to come along with every first visit. src/map/world.ts reads it.
import { readFileSync, writeFileSync } from "node:fs";
import { feature } from "topojson-client";
import {
  filter,
  filterWeight,
  presimplify,
  simplify,
  sphericalRingArea,
  sphericalTriangleArea,
} from "topojson-simplify";

const SMALLEST_BEND = 2e-7; // steradians: bends that take in less than about 8 km² are straightened
const SMALLEST_ISLAND = 5e-7; // steradians: about 20 km²
const STEPS_PER_DEGREE = 50; // a grid of about 2 km at the equator

const source = new URL(import.meta.resolve("world-atlas/land-50m.json"));
const weighted = presimplify(JSON.parse(readFileSync(source, "utf8")), sphericalTriangleArea);
const bends = simplify(weighted, SMALLEST_BEND);
const land = filter(bends, filterWeight(bends, SMALLEST_ISLAND, sphericalRingArea));
const polygons = feature(land, land.objects.land).features.flatMap(({ geometry }) => geometry.coordinates);

const bytes = [];
write(STEPS_PER_DEGREE);
write(polygons.length);
for (const rings of polygons) {
  write(rings.length);
  for (const ring of rings) writeRing(onGrid(ring));
}
writeFileSync(new URL("../src/map/land.generated.bin", import.meta.url), Buffer.from(bytes));

function onGrid(ring) {
  const points = ring.map((point) => point.map((degrees) => Math.round(degrees * STEPS_PER_DEGREE)));
  return points.filter(
    ([x, y], index) => index === 0 || x !== points[index - 1][0] || y !== points[index - 1][1],
  );
}

function writeRing(points) {
  let [lastX, lastY] = [0, 0];
  write(points.length);
  for (const [x, y] of points) {
    write(x - lastX);
    write(y - lastY);
    [lastX, lastY] = [x, y];
  }
}

/** Seven bits to a byte, the lowest first; the sign is the lowest bit of all. */
function write(number) {
  let rest = number < 0 ? -2 * number - 1 : 2 * number;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
}
