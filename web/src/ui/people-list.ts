import { formatAltitude, formatDistance, formatPercent, formatSpeed } from "../format";
import { compassPoint } from "../geometry";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import { avatar } from "./avatar";
import { h, setText } from "./dom";
import { icon } from "./icons";
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

/** Everybody in the session as a list that needs no map. */
export function peopleList(options: PeopleListOptions) {
  const list = h("ul", { class: "people" });
  const rows = new Map<string, Row>();

  const update = (entries: RosterEntry[], chosen: string | null, followed: string | null) => {
    const present = new Set(entries.map(({ person }) => person.userId));
    for (const [userId, row] of rows) {
      if (present.has(userId)) continue;
      row.element.remove();
      rows.delete(userId);
    }
    entries.forEach((entry, place) => {
      const { userId } = entry.person;
      const row = rows.get(userId) ?? personRow(entry, options);
      rows.set(userId, row);
      // Moving an element takes the focus from it, so only what is out of place moves.
      if (list.children[place] !== row.element) list.insertBefore(row.element, list.children[place] ?? null);
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
  const facts = h("dl", { class: "person-facts" });
  const follow = h("button", { class: "button small", type: "button", click: () => onFollow(userId) });
  const remove = !isMe && onRemove && removeButton(name, () => onRemove(userId, name));
  const details = h(
    "div",
    { class: "person-details", id: detailsId, hidden: true },
    facts,
    h("div", { class: "actions" }, follow, remove),
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
      follow.disabled = entry.presence !== "live";
      follow.setAttribute("aria-pressed", String(isFollowed));
      setText(follow, isFollowed ? t.following : t.follow);
      if (isChosen) showFacts(facts, entry);
    },
  };
}

function nameLabel(name: string, isMe: boolean): HTMLElement {
  return h(
    "span",
    { class: "person-name" },
    h("span", {}, name),
    isMe && h("span", { class: "badge" }, t.you),
  );
}

function removeButton(name: string, remove: () => void): HTMLElement {
  return h(
    "button",
    {
      class: "button small danger-quiet",
      type: "button",
      "aria-label": `${t.remove}: ${name}`,
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
  const element = h(
    "span",
    { class: "person-distance" },
    metres,
    h("span", { class: "person-bearing" }, arrow, point),
    words,
  );
  return {
    element,
    update({ distance, bearing }: RosterEntry) {
      element.hidden = distance === null || bearing === null;
      if (distance === null || bearing === null) return;
      setText(metres, formatDistance(distance));
      setText(point, t.compass[compassPoint(bearing)] ?? "");
      setText(words, ` ${t.compassWords[compassPoint(bearing)] ?? ""}`);
      arrow.style.transform = `rotate(${Math.round(bearing)}deg)`;
    },
  };
}

function showFacts(facts: HTMLElement, { person: { position } }: RosterEntry): void {
  const known: [string, string][] = [];
  if (position?.speed !== undefined) known.push([t.speed, formatSpeed(position.speed)]);
  if (position?.accuracy !== undefined) known.push([t.accuracy, `± ${formatDistance(position.accuracy)}`]);
  if (position?.heading !== undefined)
    known.push([t.heading, t.compass[compassPoint(position.heading)] ?? ""]);
  if (position?.altitude !== undefined) known.push([t.altitude, formatAltitude(position.altitude)]);
  if (position?.battery !== undefined) known.push([t.battery, formatPercent(position.battery)]);
  const text = known.flat().join("|");
  if (facts.dataset.shown === text) return;
  facts.dataset.shown = text;
  facts.replaceChildren(...known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}
