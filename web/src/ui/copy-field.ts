import { trackerTexts } from "../i18n/tracker-texts";
import { copyButton } from "./copy-button";
import { h } from "./dom";

/** A text to paste elsewhere: selected as a whole by a tap, copied by a button. */
export function copyField(label: string, text: string): HTMLElement {
  const field = h("input", { class: "link", readonly: true, value: text });
  field.addEventListener("focus", () => field.select());
  const { copy, copied, copyWhat } = trackerTexts;
  return h(
    "div",
    { class: "copy-field" },
    h("label", { class: "field" }, h("span", {}, label), field),
    copyButton(field, "small", { copy, copied, name: copyWhat(label) }),
  );
}
