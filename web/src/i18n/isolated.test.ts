import { expect, it } from "vitest";
import { de } from "./de";
import { en } from "./en";

const NAME = "שרה 7";
const ISOLATED = `\u2068${NAME}\u2069`;

it.each([en, de])("isolates the direction of names ($language)", (t) => {
  const sentences = [
    t.joined(NAME),
    t.left(NAME),
    t.followedLive(NAME),
    t.followed(NAME, "40 s"),
    t.onMap(NAME, "40 s"),
    t.removePerson(NAME),
    t.removeQuestion(NAME),
  ];
  for (const sentence of sentences) {
    expect(sentence.split(ISOLATED), sentence).toHaveLength(2);
    expect(sentence.replace(ISOLATED, "")).not.toContain(NAME);
  }
  expect(t.together([NAME, "Ben"])).toContain(`${ISOLATED}, \u2068Ben\u2069`);
});
