/** A point of the screen, in CSS pixels. */
export interface Spot {
  x: number;
  y: number;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export const overlaps = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

export const contains = (box: Box, { x, y }: Spot): boolean =>
  x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

/** Avatars closer than this overlap. */
const TOGETHER_PX = 40;
/** A group stays together up to this larger distance, against flicker. */
const APART_PX = 50;

interface Standing extends Spot {
  id: string;
  /** Never hidden in a group: oneself, the selected person and the followed person. */
  isAlone: boolean;
}

/** The groups of people who overlap on the screen, by the id of the first member. Most groups have one member. */
export function groupsOf(
  standing: readonly Standing[],
  before: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  const seeds: Standing[] = [];
  // The first members of the previous groups come first, so that a group keeps its id.
  const inOrder = [...standing].sort((a, b) => rank(a, before) - rank(b, before));
  for (const person of inOrder) {
    const seed = person.isAlone ? undefined : nearest(person, seeds, before);
    if (seed) groups.get(seed.id)?.push(person.id);
    else {
      groups.set(person.id, [person.id]);
      if (!person.isAlone) seeds.push(person);
    }
  }
  return groups;
}

const rank = ({ id }: Standing, before: ReadonlyMap<string, string>) => (before.get(id) === id ? 0 : 1);

function nearest(
  person: Standing,
  seeds: readonly Standing[],
  before: ReadonlyMap<string, string>,
): Standing | undefined {
  let found: Standing | undefined;
  let shortest = Number.POSITIVE_INFINITY;
  for (const seed of seeds) {
    const distance = Math.hypot(seed.x - person.x, seed.y - person.y);
    const limit = before.get(person.id) === seed.id ? APART_PX : TOGETHER_PX;
    if (distance >= limit || distance >= shortest) continue;
    found = seed;
    shortest = distance;
  }
  return found;
}

export type Side = "below" | "above" | "right" | "left";
const SIDES: readonly Side[] = ["below", "above", "right", "left"];

export interface Label extends Spot {
  id: string;
  /** Half of the size of the marker. */
  radius: number;
  width: number;
  height: number;
  /** The previous side, which is preferred. */
  side: Side | null;
}

/** The side of its marker at which each name is placed. Names without room are left out. Earlier labels have priority. */
export function placeLabels(labels: readonly Label[], taken: readonly Box[] = []): Map<string, Side> {
  const boxes = [...taken, ...labels.map(boxOfMarker)];
  const sides = new Map<string, Side>();
  labels.forEach((label, index) => {
    const own = boxes[taken.length + index];
    const order = label.side ? [label.side, ...SIDES.filter((side) => side !== label.side)] : SIDES;
    for (const side of order) {
      const box = boxOfLabel(label, side);
      if (boxes.some((other) => other !== own && overlaps(other, box))) continue;
      boxes.push(box);
      sides.set(label.id, side);
      return;
    }
  });
  return sides;
}

const boxOfMarker = ({ x, y, radius }: Label): Box => ({
  left: x - radius,
  top: y - radius,
  right: x + radius,
  bottom: y + radius,
});

const GAP_PX = 3;

function boxOfLabel({ x, y, radius, width, height }: Label, side: Side): Box {
  const away = radius + GAP_PX;
  const left = { below: x - width / 2, above: x - width / 2, right: x + away, left: x - away - width }[side];
  const top = { below: y + away, above: y - away - height, right: y - height / 2, left: y - height / 2 }[
    side
  ];
  return { left, top, right: left + width, bottom: top + height };
}
