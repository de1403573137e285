import { h } from "../ui/dom";
import { texts } from "./texts";

interface EndDialog {
  element: HTMLElement;
  ask(alias: string): void;
}

/** Asks before a session is ended. */
export function endDialog(onConfirmed: (alias: string) => void): EndDialog {
  const session = h("code");
  const close = () => element.close();
  const confirm = () => {
    close();
    onConfirmed(session.textContent ?? "");
  };
  const [before, after] = texts.endText;
  const element = h(
    "dialog",
    { class: "confirm", "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, texts.endQuestion),
    h("p", {}, before ?? "", session, after ?? ""),
    h(
      "div",
      { class: "actions" },
      h("button", { class: "button small", type: "button", click: close }, texts.cancel),
      h("button", { class: "button small danger", type: "button", click: confirm }, texts.endSession),
    ),
  );
  return {
    element,
    ask(alias) {
      session.textContent = alias;
      element.showModal();
    },
  };
}
