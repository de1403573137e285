import { initials, inkOn } from "../palette";
import { h } from "./dom";

/** A round badge with a person's initials on their colour. The full name is always shown beside it. */
export function avatar(name: string, color: string): HTMLElement {
  const badge = h("span", { class: "avatar", "aria-hidden": "true" }, initials(name));
  badge.style.setProperty("--color", color);
  badge.style.setProperty("--ink", inkOn(color));
  return badge;
}
