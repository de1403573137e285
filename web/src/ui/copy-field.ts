import { trackerTexts } from "../i18n/tracker-texts";
import { h, setText } from "./dom";
import { icon } from "./icons";

/** A text that belongs somewhere else, whole or nothing: shown, selected at a touch, and copied by a button. */
export function copyField(label: string, text: string): HTMLElement {
  const field = h("input", { class: "link", readonly: true, value: text });
  field.addEventListener("focus", () => field.select());
  const said = h("span", { role: "status" }, trackerTexts.copy);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure context there is no clipboard API, but the older command still copies.
      field.select();
      document.execCommand("copy");
    }
    setText(said, trackerTexts.copied);
    button.replaceChildren(icon("check"), said);
  };
  const button = h(
    "button",
    { class: "button small", type: "button", "aria-label": trackerTexts.copyWhat(label), click: copy },
    icon("copy"),
    said,
  );
  return h(
    "div",
    { class: "copy-field" },
    h("label", { class: "field" }, h("span", {}, label), field),
    button,
  );
}
