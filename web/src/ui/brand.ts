import { h, svg } from "./dom";

/** Two people on one route. */
export function brandMark(): SVGElement {
  return svg(
    "svg",
    { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("path", { d: "M9 23C9 14 23 18 23 9", class: "brand-way" }),
    svg("circle", { cx: 9, cy: 23, r: 4.5, class: "brand-first" }),
    svg("circle", { cx: 23, cy: 9, r: 4.5, class: "brand-second" }),
  );
}

export function brandLink(goHome: () => void): HTMLElement {
  const click = (event: Event) => {
    event.preventDefault();
    goHome();
  };
  return h("a", { class: "brand", href: "/", click }, brandMark(), "Tagalong");
}
