import { formatDistance } from "../format";
import { compassPoint } from "../geometry";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import { avatar } from "./avatar";
import { h, setText } from "./dom";
import { icon } from "./icons";
import { AT_ONE_SPOT_METRES, factsList } from "./person-facts";
import { placeLink } from "./place-link";
import { describePresence } from "./presence";

interface PeopleListOptions {
  onChoose(userId: string): void;
  onFollow(userId: string): void;
  /** Only for the creator. */
  onRemove: ((userId: string, name: string) => void) | null;
}

interface Row {
  element: HTMLElement;
  update(entry: RosterEntry, isChosen: boolean, isFollowed: boolean): void;
}

/** All participants of the session, with everything that the map shows. */
export function peopleList(options: PeopleListOptions) {
  const list = h("ul", { class: "people" });
  const rows = new Map<string, Row>();

  let isTouched = false;
  list.addEventListener("pointerdown", () => {
    isTouched = true;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    list.ownerDocument.addEventListener(end, () => {
      isTouched = false;
    });
  }

  const update = (entries: RosterEntry[], chosen: string | null, followed: string | null) => {
    const present = new Set(entries.map(({ person }) => person.userId));
    for (const [userId, row] of rows) {
      if (present.has(userId)) continue;
      row.element.remove();
      rows.delete(userId);
    }
    // While a row is pressed, focused or open, rows keep their order: a tap would otherwise hit another row.
    const isHeld = isTouched || chosen !== null || list.contains(document.activeElement);
    entries.forEach((entry, place) => {
      const { userId } = entry.person;
      const known = rows.get(userId);
      const row = known ?? personRow(entry, options);
      rows.set(userId, row);
      if (!known && isHeld) list.append(row.element);
      else if (!isHeld && list.children[place] !== row.element) {
        list.insertBefore(row.element, list.children[place] ?? null);
      }
      row.update(entry, userId === chosen, userId === followed);
    });
  };
  return { element: list, update };
}

function personRow({ person, isMe }: RosterEntry, { onChoose, onFollow, onRemove }: PeopleListOptions): Row {
  const { userId, name, color } = person;
  const presence = h("span", { class: "person-presence" });
  const distance = distanceLabel();
  const detailsId = `details-${userId}`;
  const main = h(
    "button",
    { class: "person-main", type: "button", "aria-controls": detailsId, click: () => onChoose(userId) },
    avatar(name, color),
    h("span", { class: "person-words" }, nameLabel(name, isMe), presence),
    distance.element,
  );
  const facts = factsList();
  const go = placeLink();
  const follow = h("button", { class: "button small", type: "button", click: () => onFollow(userId) });
  const remove = !isMe && onRemove && removeButton(name, () => onRemove(userId, name));
  const details = h(
    "div",
    { class: "person-details", id: detailsId, hidden: true },
    facts.element,
    h("div", { class: "actions" }, follow, isMe ? null : go.element, remove),
  );
  const element = h("li", { class: "person" }, main, details);

  return {
    element,
    update(entry, isChosen, isFollowed) {
      element.dataset.presence = entry.presence;
      setText(presence, describePresence(entry));
      distance.update(entry);
      main.setAttribute("aria-expanded", String(isChosen));
      details.hidden = !isChosen;
      if (!isChosen) return;
      follow.disabled = entry.presence !== "live" && !isFollowed;
      follow.setAttribute("aria-pressed", String(isFollowed));
      setText(follow, isFollowed ? t.following : t.follow);
      facts.update(entry);
      go.update(entry);
    },
  };
}

function nameLabel(name: string, isMe: boolean): HTMLElement {
  return h(
    "span",
    { class: "person-name" },
    h("span", { dir: "auto" }, name),
    isMe && h("span", { class: "badge" }, t.you),
  );
}

function removeButton(name: string, remove: () => void): HTMLElement {
  return h(
    "button",
    {
      class: "button small danger-quiet",
      type: "button",
      "aria-label": t.removePerson(name),
      click: remove,
    },
    t.remove,
  );
}

function distanceLabel() {
  const arrow = icon("arrow");
  const metres = h("span", {});
  const point = h("span", { class: "person-compass", "aria-hidden": "true" });
  const words = h("span", { class: "visually-hidden" });
  const direction = h("span", { class: "person-bearing" }, arrow, point);
  const element = h("span", { class: "person-distance" }, metres, direction, words);
  return {
    element,
    update({ distance, bearing }: RosterEntry) {
      element.hidden = distance === null || bearing === null;
      if (distance === null || bearing === null) return;
      const isBeside = distance < AT_ONE_SPOT_METRES;
      direction.hidden = isBeside;
      words.hidden = isBeside;
      setText(metres, isBeside ? t.beside : formatDistance(distance));
      setText(point, t.compass[compassPoint(bearing)] ?? "");
      setText(words, ` ${t.compassWords[compassPoint(bearing)] ?? ""}`);
      arrow.style.transform = `rotate(${Math.round(bearing)}deg)`;
    },
  };
}
