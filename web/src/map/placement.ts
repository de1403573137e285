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

/** Avatars this close cover one another. */
const TOGETHER_PX = 40;
/** Who was together stays so a little longer, so that nothing flickers. */
const APART_PX = 50;

interface Standing extends Spot {
  id: string;
  /** Never hidden in a group: oneself, and whoever is chosen or followed. */
  isAlone: boolean;
}

/** Who stands together on the screen, by the id of the first of each group. Everybody is in one group, most alone in it. */
export function groupsOf(
  standing: readonly Standing[],
  before: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  const seeds: Standing[] = [];
  // The first of an old group comes first again, so that a group keeps its name.
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
  /** Half of what the marker takes. */
  radius: number;
  width: number;
  height: number;
  /** Where it was drawn before: it stays there if it can. */
  side: Side | null;
}

/** On which side of its marker each name has room; a name without room is left out. The first has the first choice. */
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
