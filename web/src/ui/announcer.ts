import { t } from "../i18n/texts";
import type { Person, SessionState } from "../session";
import { h } from "./dom";

/** Announces joins and leaves to screen readers: once each, and not the whole group at the start. */
export function announcer() {
  const element = h("div", { class: "toasts", role: "log", "aria-live": "polite" });
  const say = (text: string) => {
    const toast = h("p", { class: "toast" }, text);
    toast.addEventListener("animationend", () => toast.remove());
    element.append(toast);
    while (element.children.length > 3) element.firstElementChild?.remove();
  };
  return {
    element,
    say,
    update({ people: before }: SessionState, { people: after }: SessionState) {
      if (before === after || before.size === 0) return;
      for (const { name } of absentFrom(before, after)) say(t.joined(name));
      for (const { name } of absentFrom(after, before)) say(t.left(name));
    },
  };
}

function absentFrom(people: SessionState["people"], others: SessionState["people"]): Person[] {
  return [...others.values()].filter(({ userId }) => !people.has(userId));
}
