import type { Bounds } from "../geometry";
import { type Box, contains, type Spot } from "./placement";

/** `everyone` and `person` follow until the map is moved by hand. */
export type Camera = { mode: "everyone" } | { mode: "free" } | { mode: "person"; userId: string };

/** The map zooms in on a view that is this many times wider than necessary. */
const TOO_WIDE = 3;
const SMALLEST_DEGREES = 0.002;

export function isTooWide([west, south, east, north]: Bounds, people: Bounds): boolean {
  const width = Math.max(people[2] - people[0], SMALLEST_DEGREES);
  const height = Math.max(people[3] - people[1], SMALLEST_DEGREES);
  return (east - west) / width > TOO_WIDE && (north - south) / height > TOO_WIDE;
}

/** An avatar closer to an edge is cut off. The map extends under the panel by about the same amount. */
const EDGE_PX = 20;
const FOOT_PX = 44;
/** An avatar counts as visible if its centre is this far from a button. */
const AVATAR_PX = 12;

/** Whether a person is outside the view, or under an element that covers it. */
export function someoneIsHidden(
  spots: readonly Spot[],
  { width, height }: { width: number; height: number },
  covers: readonly Box[],
): boolean {
  // A map smaller than its edges is used without them.
  const edge = Math.min(EDGE_PX, width / 8, height / 8);
  const foot = Math.min(FOOT_PX, height / 6);
  const view = { left: edge, top: edge, right: width - edge, bottom: height - foot };
  const blocked = covers.map(({ left, top, right, bottom }) => ({
    left: left - AVATAR_PX,
    top: top - AVATAR_PX,
    right: right + AVATAR_PX,
    bottom: bottom + AVATAR_PX,
  }));
  return spots.some((spot) => !contains(view, spot) || blocked.some((box) => contains(box, spot)));
}
