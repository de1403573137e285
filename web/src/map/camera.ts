import type { Bounds } from "../geometry";
import { type Box, contains, type Spot } from "./placement";

/** `everyone` and `person` keep up by themselves until the map is moved by hand. */
export type Camera = { mode: "everyone" } | { mode: "free" } | { mode: "person"; userId: string };

/** A view this much wider than it has to be is worth closing in on. */
const TOO_WIDE = 3;
const SMALLEST_DEGREES = 0.002;

export function isTooWide([west, south, east, north]: Bounds, people: Bounds): boolean {
  const width = Math.max(people[2] - people[0], SMALLEST_DEGREES);
  const height = Math.max(people[3] - people[1], SMALLEST_DEGREES);
  return (east - west) / width > TOO_WIDE && (north - south) / height > TOO_WIDE;
}

/** Closer to an edge than this, an avatar is cut. The map reaches under the panel by about as much again at its foot. */
const EDGE_PX = 20;
const FOOT_PX = 44;
/** An avatar is seen as long as its middle is this far from a button. */
const AVATAR_PX = 12;

/** Whether somebody stands outside of the view, or under what lies over it. */
export function someoneIsHidden(
  spots: readonly Spot[],
  { width, height }: { width: number; height: number },
  covers: readonly Box[],
): boolean {
  // A map too small for its edges has none.
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
