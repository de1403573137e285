import { describe, expect, it } from "vitest";
import { groupsOf, type Label, overlaps, placeLabels } from "./placement";

const at = (id: string, x: number, y = 0, isAlone = false) => ({ id, x, y, isAlone });
const none = new Map<string, string>();

describe("people close together", () => {
  it("are one group, and the others are alone", () => {
    const groups = groupsOf([at("a", 0), at("b", 10), at("c", 200)], none);
    expect([...groups.values()]).toEqual([["a", "b"], ["c"]]);
  });

  it("do not hide oneself", () => {
    const groups = groupsOf([at("me", 0, 0, true), at("b", 5), at("c", 5)], none);
    expect([...groups.values()]).toEqual([["me"], ["b", "c"]]);
  });

  it("stay a group up to a larger distance, with the same id", () => {
    const standing = [at("a", 45), at("b", 0)];
    expect(groupsOf(standing, none).size).toBe(2);
    const before = new Map([
      ["a", "b"],
      ["b", "b"],
    ]);
    expect([...groupsOf(standing, before).entries()]).toEqual([["b", ["b", "a"]]]);
  });

  it("are each in exactly one group", () => {
    const crowd = Array.from({ length: 50 }, (_, index) =>
      at(`p${index}`, (index * 37) % 200, (index * 53) % 300),
    );
    const groups = groupsOf(crowd, none);
    expect([...groups.values()].flat().sort()).toEqual(crowd.map(({ id }) => id).sort());
  });
});

describe("names", () => {
  const label = (id: string, x: number, y: number): Label => ({
    id,
    x,
    y,
    radius: 22,
    width: 60,
    height: 18,
    side: null,
  });

  it("are below the marker if there is room, otherwise at another side", () => {
    const sides = placeLabels([label("a", 100, 100), label("b", 100, 145)]);
    expect(sides.get("b")).toBe("below");
    expect(sides.get("a")).toBe("above");
  });

  it("are left out rather than overlapped", () => {
    const crowd = Array.from({ length: 40 }, (_, index) =>
      label(`p${index}`, (index % 8) * 46, Math.floor(index / 8) * 46),
    );
    const sides = placeLabels(crowd);
    expect(sides.size).toBeGreaterThan(3);
    expect(sides.size).toBeLessThan(40);
  });

  it("avoid occupied areas, and keep their side", () => {
    const below = { left: 0, top: 120, right: 300, bottom: 200 };
    expect(placeLabels([label("a", 100, 100)], [below]).get("a")).toBe("above");
    expect(placeLabels([{ ...label("a", 100, 100), side: "left" }]).get("a")).toBe("left");
  });
});

it("distinguishes boxes that touch from boxes that overlap", () => {
  const box = { left: 0, top: 0, right: 10, bottom: 10 };
  expect(overlaps(box, { ...box, left: 10, right: 20 })).toBe(false);
  expect(overlaps(box, { ...box, left: 9, right: 20 })).toBe(true);
});
