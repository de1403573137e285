import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import { avatar } from "./avatar";
import { h, setText } from "./dom";
import { icon } from "./icons";
import { describeDirection, factsList } from "./person-facts";
import { placeLink } from "./place-link";
import { describePresence } from "./presence";

interface CardOptions {
  onFollow(userId: string): void;
  onChoose(userId: string): void;
  onClose(): void;
}

/** The card of the person selected on the map: facts, and a link to the place. */
export function personCard({ onFollow, onChoose, onClose }: CardOptions) {
  const element = h("section", { class: "person-card", "aria-label": t.chosenPerson, hidden: true });
  let shown = "";
  let update = (_: RosterEntry, __: boolean) => {};

  const build = ({ person, isMe }: RosterEntry) => {
    const presence = h("p", { class: "person-presence" });
    const way = h("p", { class: "person-way" });
    const facts = factsList();
    const follow = h("button", {
      class: "button small",
      type: "button",
      click: () => onFollow(person.userId),
    });
    const go = placeLink();
    element.replaceChildren(
      h(
        "div",
        { class: "person-card-head" },
        avatar(person.name, person.color),
        h("div", { class: "person-words" }, h("h2", { dir: "auto" }, person.name), presence),
        closeButton(onClose),
      ),
      way,
      facts.element,
      h("div", { class: "actions" }, follow, isMe ? null : go.element),
    );
    return (entry: RosterEntry, isFollowed: boolean) => {
      setText(presence, describePresence(entry));
      setText(way, describeDirection(entry));
      way.hidden = entry.distance === null;
      facts.update(entry);
      follow.disabled = entry.presence !== "live" && !isFollowed;
      follow.setAttribute("aria-pressed", String(isFollowed));
      setText(follow, isFollowed ? t.following : t.follow);
      go.update(entry);
    };
  };

  const showPerson = (entry: RosterEntry, isFollowed: boolean) => {
    if (shown !== entry.person.userId) update = build(entry);
    shown = entry.person.userId;
    update(entry, isFollowed);
  };
  /** A list to select one of several people at one place. */
  const showGroup = (members: readonly RosterEntry[]) => {
    const ids = members.map(({ person }) => person.userId).join();
    if (shown === ids) return;
    shown = ids;
    element.replaceChildren(
      h(
        "div",
        { class: "person-card-head" },
        h("h2", { class: "person-words" }, t.peopleHere(members.length)),
        closeButton(onClose),
      ),
      h(
        "ul",
        { class: "group-members" },
        ...members.map((entry) => h("li", {}, memberButton(entry, onChoose))),
      ),
    );
  };

  return {
    element,
    update(entries: readonly RosterEntry[], { chosen, followed, group }: CardSubject) {
      const members = entries.filter(({ person }) => group.includes(person.userId));
      const entry = entries.find(({ person }) => person.userId === chosen);
      element.hidden = !entry && members.length < 2;
      if (entry) showPerson(entry, followed === chosen);
      else if (members.length > 1) showGroup(members);
      else shown = "";
    },
  };
}

interface CardSubject {
  chosen: string | null;
  followed: string | null;
  group: readonly string[];
}

function closeButton(onClose: () => void): HTMLElement {
  return h(
    "button",
    { class: "icon-button", type: "button", "aria-label": t.close, click: onClose },
    icon("close"),
  );
}

function memberButton({ person }: RosterEntry, onChoose: (userId: string) => void): HTMLElement {
  return h(
    "button",
    { class: "group-member", type: "button", click: () => onChoose(person.userId) },
    avatar(person.name, person.color),
    h("span", { class: "person-words", dir: "auto" }, person.name),
  );
}
