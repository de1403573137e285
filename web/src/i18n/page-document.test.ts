import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { en } from "./en";

/** These titles contain a value. */
const WITH_VALUE = new Set(["rough", "quiet"]);

it("is quoted by docs/PAGE.md as it is", () => {
  const document = readFileSync(new URL("../../../docs/PAGE.md", import.meta.url), "utf8");
  const titles = Object.entries(en.sharing).filter(([state]) => !WITH_VALUE.has(state));
  const radius = en.roughText("2 km").split(".")[0];
  const quoted = [
    ...titles.map(([, [title]]) => title),
    radius,
    en.quietTitle("2 min"),
    en.polling,
    en.extend,
  ];
  expect(quoted.filter((text) => !document.includes(text ?? ""))).toEqual([]);
});
