import { t } from "../i18n/texts";
import { h } from "./dom";
import { icon } from "./icons";

export interface Sheet {
  close(): void;
  closed: Promise<void>;
}

/** A modal dialog: from the bottom on a phone, in the middle on a large screen. */
export function openSheet(title: string, ...content: (Node | string)[]): Sheet {
  const heading = h("h2", { id: "sheet-title" }, title);
  const closeButton = h(
    "button",
    { class: "icon-button", type: "button", "aria-label": t.close },
    icon("close"),
  );
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "sheet-title" },
    h("div", { class: "sheet-head" }, heading, closeButton),
    h("div", { class: "sheet-body" }, ...content),
  );
  const close = () => dialog.close();
  closeButton.addEventListener("click", close);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  const closed = new Promise<void>((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The element that had the focus may have been removed with its page.
      if (document.activeElement === document.body) document.querySelector<HTMLElement>("h1")?.focus();
      resolve();
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  return { close, closed };
}

/** Asks for confirmation of an action that cannot be undone. */
export async function confirmSheet(title: string, text: string, action: string): Promise<boolean> {
  return (await choiceSheet(title, text, [action])) === action;
}

/** Offers several actions that cannot be undone. Null: none was chosen. */
export async function choiceSheet(
  title: string,
  text: string,
  actions: readonly string[],
): Promise<string | null> {
  let chosen: string | null = null;
  const answer = (action: string | null) => () => {
    chosen = action;
    sheet.close();
  };
  const sheet = openSheet(
    title,
    h("p", {}, text),
    h(
      "div",
      { class: "actions" },
      h("button", { class: "button", type: "button", click: answer(null) }, t.cancel),
      ...actions.map((action) =>
        h("button", { class: "button danger", type: "button", click: answer(action) }, action),
      ),
    ),
  );
  await sheet.closed;
  return chosen;
}
