import type { Bounds } from "../geometry";

/** `everyone` and `person` keep up by themselves until the map is moved by hand. */
export type Camera = { mode: "everyone" } | { mode: "free" } | { mode: "person"; userId: string };

/** A view this much wider than it has to be is worth closing in on. */
const TOO_WIDE = 3;
const SMALLEST_DEGREES = 0.002;

/**
 * Whether the view should move to show everyone. It moves when somebody is out of it, or when the group
 * has drawn together; not at every step, which would make the map swim.
 */
export function needsRefit(view: Bounds, people: Bounds, isNewGroup: boolean): boolean {
  if (isNewGroup) return true;
  const [west, south, east, north] = view;
  const isOutside = people[0] < west || people[1] < south || people[2] > east || people[3] > north;
  if (isOutside) return true;
  const width = Math.max(people[2] - people[0], SMALLEST_DEGREES);
  const height = Math.max(people[3] - people[1], SMALLEST_DEGREES);
  return (east - west) / width > TOO_WIDE && (north - south) / height > TOO_WIDE;
}
