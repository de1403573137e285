import { h } from "../ui/dom";

export function section(id: string, title: string, ...children: HTMLElement[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    ...children,
  );
}

/** Text to read and to copy. It scrolls sideways by itself, by the keyboard too. */
export function code(text: string, label: string): HTMLElement {
  return h("pre", { tabindex: 0, "aria-label": label, role: "region" }, h("code", {}, text));
}
