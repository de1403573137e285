import type { Feature, FeatureCollection, LineString, Point } from "geojson";
import type { Bounds } from "../geometry";

const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const MOST_LINES = 6;
const POLE = 85;
/** The part of the view's height, at the bottom, that the scale takes. */
const SCALE_ROOM = 0.12;

/**
 * Lines of longitude and latitude in view, at a round distance for the zoom, with labels at the `left` and `top` side of
 * the view.
 */
export function graticule([west, south, east, north]: Bounds): FeatureCollection<LineString | Point> {
  const step =
    STEPS.findLast((candidate) => Math.max(east - west, north - south) / candidate <= MOST_LINES * 2) ?? 30;
  const top = Math.min(POLE, north + step);
  const bottom = Math.max(-POLE, south - step);
  const meridians = multiples(west, east, step).flatMap((lng) => [
    line([lng, bottom], [lng, top]),
    label([lng, Math.min(POLE, north)], "top", nameOf(((lng + 540) % 360) - 180, step, "E", "W")),
  ]);
  const lowestLabel = south + (north - south) * SCALE_ROOM;
  const parallels = multiples(bottom, top, step).flatMap((lat) => {
    const parallel = line([west - step, lat], [east + step, lat]);
    return lat < lowestLabel ? parallel : [parallel, label([west, lat], "left", nameOf(lat, step, "N", "S"))];
  });
  return { type: "FeatureCollection", features: [...meridians, ...parallels] };
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.floor(from / step);
  const count = Math.ceil(to / step) - first + 1;
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}

function nameOf(angle: number, step: number, positive: string, negative: string): string {
  const decimals = step >= 1 ? 0 : Math.ceil(-Math.log10(step));
  const size = Math.abs(angle).toFixed(decimals);
  return Number(size) === 0 ? "0°" : `${size}° ${angle > 0 ? positive : negative}`;
}

function line(from: [number, number], to: [number, number]): Feature<LineString> {
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: [from, to] } };
}

function label(coordinates: [number, number], side: "left" | "top", text: string): Feature<Point> {
  return { type: "Feature", properties: { label: text, side }, geometry: { type: "Point", coordinates } };
}
