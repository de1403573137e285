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
import { sessionBar } from "./session-bar";
import { type SharingCardOptions, sharingCard } from "./sharing-card";

export interface LiveActions extends SharingCardOptions {
  onInvite(): void;
  onMenu(): void;
  /** Only for the creator. */
  onExtend(): void;
  onFit(): void;
  onCentreOnMe(): void;
  onChoose(userId: string): void;
  onFollow(userId: string): void;
  onRemove(userId: string, name: string): void;
}

export interface LiveView {
  state: SessionState;
  entries: RosterEntry[];
  sharing: SharingFacts;
  camera: Camera;
  chosen: string | null;
  now: number;
}

/** The page of a session: map, bar, what one shares, and the list of participants. Until `signal` says so. */
export function liveLayout(actions: LiveActions, isCreator: boolean, signal: AbortSignal) {
  const bar = sessionBar(actions.onInvite, actions.onMenu);
  const sharing = sharingCard(actions);
  const people = peopleList({ ...actions, onRemove: isCreator ? actions.onRemove : null });
  const toasts = announcer();
  const ending = endingLine(toasts.say, isCreator ? actions.onExtend : null);
  const map = mapPane(actions);
  const panel = listPanel(people.element, actions.onInvite, signal);
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
    announce: toasts.update,
    say: toasts.say,
    showMap: () => map.showNote(null),
    showMapNotLoaded: () => map.showNote(t.mapNotLoaded),
    showMapUnavailable: () => map.showNote(t.mapUnavailable),
    showTilesMissing: map.showTilesMissing,
    update({ state, entries, sharing: facts, camera, chosen, now }: LiveView) {
      document.title = `${state.name ?? t.untitled} · Tagalong`;
      const followed = camera.mode === "person" ? camera.userId : null;
      bar.update(state, now);
      ending.update(state.endsAt === null ? null : state.endsAt - now);
      sharing.update(facts);
      people.update(entries, chosen, followed);
      panel.update(entries, facts.phase === "watching", state.connection === "online");
      map.update(entries, camera, state.me);
    },
  };
}

function mapPane({ onFit, onCentreOnMe }: LiveActions) {
  const container = h("div", { class: "map", role: "region", "aria-label": t.map });
  const note = h("p", { class: "map-note", role: "status" }, t.mapLoading);
  const tilesNote = h("p", { class: "tiles-note", role: "status", hidden: true }, t.tilesMissing);
  const fit = mapButton("fit", t.fitEveryone, onFit);
  const locate = mapButton("locate", t.centreOnMe, onCentreOnMe);
  return {
    container,
    element: h(
      "div",
      { class: "map-pane" },
      container,
      note,
      tilesNote,
      h("div", { class: "map-buttons" }, fit, locate),
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

function mapButton(iconName: IconName, label: string, click: () => void): HTMLElement {
  return h(
    "button",
    { class: "map-button", type: "button", "aria-label": label, title: label, click },
    icon(iconName),
  );
}

/** As in the style sheet. */
const ALWAYS_OPEN = matchMedia("(min-width: 840px)");

/** On a phone the list can be folded away to leave room for the map; on a large screen it stays open. */
function listPanel(people: HTMLElement, onInvite: () => void, signal: AbortSignal) {
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
  const element = h("section", { class: "panel-list", "aria-label": t.participants }, toggle, body);
  const show = (isOpen: boolean) => {
    element.classList.toggle("is-open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen || ALWAYS_OPEN.matches));
    toggle.disabled = ALWAYS_OPEN.matches;
  };
  toggle.addEventListener("click", () => show(!element.classList.contains("is-open")));
  ALWAYS_OPEN.addEventListener("change", () => show(element.classList.contains("is-open")), { signal });
  show(false);
  return {
    element,
    update(entries: RosterEntry[], isWatcher: boolean, isOnline: boolean) {
      setText(count, String(entries.length));
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
