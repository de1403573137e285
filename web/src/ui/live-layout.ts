import { t } from "../i18n/texts";
import type { Camera } from "../map/camera";
import type { RosterEntry } from "../roster";
import type { SessionState } from "../session";
import type { SharingFacts } from "../sharing-state";
import { announcer } from "./announcer";
import { h, setText } from "./dom";
import { endingLine } from "./ending";
import { type IconName, icon } from "./icons";
import { peopleList } from "./people-list";
import { personCard } from "./person-card";
import { describePresence } from "./presence";
import { sessionBar } from "./session-bar";
import { type SharingCardOptions, sharingCard } from "./sharing-card";
import { showTitle } from "./window-title";

export interface LiveActions extends SharingCardOptions {
  onInvite(): void;
  onMenu(): void;
  /** Only for the creator. */
  onExtend(): void;
  onFit(): void;
  onCentreOnMe(): void;
  onChoose(userId: string): void;
  onFollow(userId: string): void;
  onStopFollowing(): void;
  onCloseCard(): void;
  /** The list was opened or folded. */
  onList(): void;
  onRemove(userId: string, name: string): void;
}

export interface LiveView {
  state: SessionState;
  entries: RosterEntry[];
  sharing: SharingFacts;
  camera: Camera;
  chosen: string | null;
  /** Several people at one place, to select from. */
  group: readonly string[];
  now: number;
}

/** The page of a session: map, bar, sharing card and list of participants. Its listeners end with `signal`. */
export function liveLayout(actions: LiveActions, isCreator: boolean, signal: AbortSignal) {
  const bar = sessionBar(actions.onInvite, actions.onMenu);
  const sharing = sharingCard(actions);
  const people = peopleList({ ...actions, onRemove: isCreator ? actions.onRemove : null });
  const toasts = announcer();
  const ending = endingLine(toasts.say, isCreator ? actions.onExtend : null);
  const map = mapPane(actions);
  const card = personCard({ ...actions, onClose: actions.onCloseCard });
  map.foot.append(card.element);
  const panel = listPanel(people.element, actions, signal);
  const element = h(
    "main",
    { class: "live" },
    bar.element,
    map.element,
    h("div", { class: "panel" }, ending.element, sharing.element, panel.element),
    toasts.element,
  );

  return {
    element,
    mapContainer: map.container,
    /** The elements that cover parts of the map. */
    mapCovers: () => [map.buttons, card.element],
    announce: toasts.update,
    say: toasts.say,
    showMap: () => map.showNote(null),
    showMapNotLoaded: () => map.showNote(t.mapNotLoaded),
    showMapUnavailable: () => map.showNote(t.mapUnavailable),
    showTilesMissing: map.showTilesMissing,
    update({ state, entries, sharing: facts, camera, chosen, group, now }: LiveView) {
      showTitle(state.name ?? t.untitled);
      const followed = camera.mode === "person" ? camera.userId : null;
      bar.update(state, now);
      ending.update(state.endsAt === null ? null : state.endsAt - now);
      sharing.update(facts);
      // A folded list is not drawn.
      if (panel.isOpen()) people.update(entries, chosen, followed);
      card.update(entries, { chosen: panel.isOpen() ? null : chosen, followed, group });
      map.showFollowed(entries.find(({ person, isMe }) => person.userId === followed && !isMe) ?? null);
      panel.update(entries, state.watchers, facts.phase === "watching", state.connection === "online");
      map.update(entries, camera, state.me);
    },
  };
}

function mapPane({ onFit, onCentreOnMe, onStopFollowing }: LiveActions) {
  const container = h("div", { class: "map" });
  const note = h("p", { class: "map-note", role: "status" }, t.mapLoading);
  const tilesNote = h("p", { class: "tiles-note", role: "status", hidden: true }, t.tilesMissing);
  const fit = mapButton("fit", t.fitEveryone, onFit);
  const locate = mapButton("locate", t.centreOnMe, onCentreOnMe);
  const buttons = h("div", { class: "map-buttons" }, fit, locate);
  const foot = h("div", { class: "map-foot" }, buttons);
  const followed = followedLine(onStopFollowing);
  return {
    container,
    buttons,
    foot,
    showFollowed: followed.show,
    element: h(
      "div",
      { class: "map-pane" },
      container,
      note,
      h("div", { class: "map-head" }, tilesNote, followed.element),
      foot,
    ),
    showNote(text: string | null) {
      note.hidden = text === null;
      setText(note, text ?? "");
    },
    showTilesMissing(areMissing: boolean) {
      tilesNote.hidden = !areMissing;
    },
    update(entries: RosterEntry[], camera: Camera, me: string | null) {
      const isMe = camera.mode === "person" && camera.userId === me;
      fit.setAttribute("aria-pressed", String(camera.mode === "everyone"));
      locate.setAttribute("aria-pressed", String(isMe));
      locate.hidden = !entries.some((entry) => entry.isMe && entry.presence === "live");
    },
  };
}

/** The person that the map follows, and their presence. */
function followedLine(onStop: () => void) {
  const text = h("span", { role: "status" });
  const stop = h(
    "button",
    { class: "icon-button", type: "button", "aria-label": t.stopFollowing, click: onStop },
    icon("close"),
  );
  const element = h("div", { class: "followed", hidden: true }, text, stop);
  return {
    element,
    show(entry: RosterEntry | null) {
      element.hidden = entry === null;
      element.classList.toggle("is-gone", entry !== null && entry.presence !== "live");
      // The age of a live position changes all the time: screen readers would read each change.
      if (entry)
        setText(text, entry.presence === "live" ? t.followedLive(entry.person.name) : followedGone(entry));
    },
  };
}

const followedGone = (entry: RosterEntry) => t.followed(entry.person.name, describePresence(entry));

function mapButton(iconName: IconName, label: string, click: () => void): HTMLElement {
  return h(
    "button",
    { class: "map-button", type: "button", "aria-label": label, title: label, click },
    icon(iconName),
  );
}

/** As in the style sheet. */
const ALWAYS_OPEN = matchMedia("(min-width: 840px)");

/** On a phone the list can be folded to make room for the map. On a large screen it stays open. */
function listPanel(people: HTMLElement, { onInvite, onList }: LiveActions, signal: AbortSignal) {
  const count = h("span", { class: "count" });
  const empty = emptyState(onInvite);
  const body = h("div", { class: "panel-body", id: "people" }, people, empty.element);
  const toggle = h(
    "button",
    { class: "panel-toggle", type: "button", "aria-controls": "people" },
    h("span", {}, t.participants),
    count,
    icon("chevron"),
  );
  const watching = h("p", { class: "panel-watchers", role: "status", hidden: true });
  const element = h("section", { class: "panel-list", "aria-label": t.participants }, toggle, watching, body);
  const show = (isOpen: boolean) => {
    element.classList.toggle("is-open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen || ALWAYS_OPEN.matches));
    toggle.disabled = ALWAYS_OPEN.matches;
    onList();
  };
  toggle.addEventListener("click", () => show(!element.classList.contains("is-open")));
  ALWAYS_OPEN.addEventListener("change", () => show(element.classList.contains("is-open")), { signal });
  show(false);
  return {
    element,
    isOpen: () => ALWAYS_OPEN.matches || element.classList.contains("is-open"),
    update(entries: RosterEntry[], watchers: number, isWatcher: boolean, isOnline: boolean) {
      setText(count, String(entries.length));
      watching.hidden = watchers === 0;
      setText(watching, watchers === 0 ? "" : t.watchers(watchers));
      empty.update(isOnline && entries.every((entry) => entry.isMe), isWatcher);
    },
  };
}

function emptyState(onInvite: () => void) {
  const title = h("p", { class: "empty-title" });
  const text = h("p", {});
  const invite = h("button", { class: "button", type: "button", click: onInvite }, icon("invite"), t.invite);
  const element = h("div", { class: "empty", hidden: true }, title, text, invite);
  return {
    element,
    update(isEmpty: boolean, isWatcher: boolean) {
      element.hidden = !isEmpty;
      setText(title, isWatcher ? t.emptyWatch : t.alone);
      setText(text, isWatcher ? t.emptyWatchText : t.aloneText);
    },
  };
}
