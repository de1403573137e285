import { expect, it } from "vitest";
import { de } from "./de";
import { en } from "./en";
import { textsFor } from "./texts";
import { trackersDe } from "./trackers-de";
import { trackersEn } from "./trackers-en";

it("takes the first language it knows", () => {
  expect(textsFor(["fr-FR", "de-AT", "en"])).toBe(de);
  expect(textsFor(["fr"])).toBe(en);
  expect(textsFor([])).toBe(en);
});

it("is complete in every language", () => {
  const shape = (texts: object): unknown =>
    Object.entries(texts).map(([name, value]) => [
      name,
      typeof value === "object" && value !== null ? shape(value) : typeof value,
    ]);
  expect(shape(de)).toEqual(shape(en));
  expect(shape(trackersDe)).toEqual(shape(trackersEn));
});
