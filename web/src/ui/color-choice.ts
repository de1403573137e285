import { t } from "../i18n/texts";
import { firstUnusedColor, PALETTE } from "../palette";
import { h } from "./dom";

/** The colours to choose from. A colour that is not in use is preselected. */
export function colorChoice(used: readonly string[]) {
  const preset = firstUnusedColor(used);
  const swatches = PALETTE.map((color, index) => {
    const radio = h("input", {
      type: "radio",
      name: "color",
      value: color,
      checked: color === preset,
      "aria-label": t.color(index + 1),
    });
    const swatch = h("label", { class: "swatch" }, radio);
    swatch.style.setProperty("--color", color);
    return swatch;
  });
  const element = h(
    "fieldset",
    { class: "field" },
    h("legend", {}, t.yourColor),
    h("div", { class: "swatches" }, ...swatches),
  );
  return {
    element,
    value: () => element.querySelector<HTMLInputElement>("input:checked")?.value ?? preset,
  };
}
