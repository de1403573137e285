import { h, setText } from "./dom";
import { icon } from "./icons";

interface Words {
  copy: string;
  copied: string;
  /** For screen readers, where several buttons are labelled `copy`. */
  name?: string;
}

/** Copies the text of a field and confirms it. */
export function copyButton(field: HTMLInputElement, look: "primary" | "small", words: Words): HTMLElement {
  // A live region without a role: with "status", the button would have no name.
  const label = h("span", { "aria-live": "polite" }, words.copy);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Without a secure context there is no clipboard API, but the older command still copies.
      field.select();
      document.execCommand("copy");
    }
    setText(label, words.copied);
    button.replaceChildren(icon("check"), label);
  };
  const name = words.name === undefined ? {} : { "aria-label": words.name };
  const button = h(
    "button",
    { class: `button ${look}`, type: "button", ...name, click: copy },
    icon("copy"),
    label,
  );
  return button;
}
