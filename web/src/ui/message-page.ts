import { brandLink } from "./brand";
import { h, type Page } from "./dom";

interface Message {
  title: string;
  text: string;
  action: string;
  onAction(): void;
}

/** A page with one message and one action. */
export function messagePage({ title, text, action, onAction }: Message, goHome: () => void): Page {
  const words = h(
    "div",
    { class: "invitation" },
    h("h1", { tabindex: -1 }, title),
    h("p", { class: "pitch" }, text),
  );
  const button = h("button", { class: "button primary large", type: "button", click: onAction }, action);
  return { title, element: h("main", { class: "page" }, brandLink(goHome), words, button) };
}
