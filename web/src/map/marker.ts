import { Marker } from "maplibre-gl";
import { formatDistance, formatShortAge } from "../format";
import { metresPerPixel } from "../geometry";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import type { Position } from "../session";
import { isRough } from "../sharing-state";
import { avatar } from "../ui/avatar";
import { h, setText } from "../ui/dom";
import { describePresence } from "../ui/presence";
import type { Side, Spot } from "./placement";

/** A move takes as long as the interval between updates, so that motion is continuous. */
const LONGEST_GLIDE_MS = 2_200;
/** A longer move on the screen is not animated. */
const FARTHEST_GLIDE_PX = 400;
const SMALLEST_GLIDE_PX = 0.7;
const SMALLEST_HALO_PX = 22;
const LARGEST_HALO_PX = 3_000;
/** A position is sent at least every 10 s. */
const OLD_MS = 30_000;

const isOld = ({ ageMs }: RosterEntry) => (ageMs ?? 0) >= OLD_MS;

/** The note beside the name: age or accuracy, if the position is old or imprecise. */
function noteOn(entry: RosterEntry): string {
  const { position } = entry.person;
  if (isOld(entry)) return ` · ${formatShortAge(entry.ageMs ?? 0)}`;
  return isRough(position?.accuracy) ? ` · ${t.rough(formatDistance(position.accuracy))}` : "";
}

type MapOf = Parameters<Marker["addTo"]>[0];

/** One person on the map: avatar, name, heading and accuracy circle. */
export class PersonMarker {
  readonly element: HTMLButtonElement;
  /** The size of the avatar with its border. */
  readonly radius: number;
  label = "";
  side: Side | null = null;
  position: Position;
  private readonly marker: Marker;
  private readonly body: HTMLElement;
  private readonly halo = h("span", { class: "marker-halo" });
  private readonly arrow = h("span", { class: "marker-heading" });
  private readonly name = h("span", { class: "marker-name-words", dir: "auto" });
  private readonly note = h("span", { class: "marker-note" });
  private readonly words = h("span", { class: "marker-name", "aria-hidden": "true" }, this.name, this.note);
  /** The running animation, and the offset in pixels from which it began. */
  private glide: (Spot & { animation: Animation }) | null = null;
  private drawn: { entry: RosterEntry; isChosen: boolean } | null = null;
  private haloPx = -1;

  constructor(
    private readonly map: MapOf,
    entry: RosterEntry,
    position: Position,
    onChoose: () => void,
  ) {
    const { person, isMe } = entry;
    this.position = position;
    this.radius = isMe ? 12 : 22;
    this.body = h(
      "span",
      { class: "marker-body" },
      this.halo,
      this.arrow,
      isMe ? h("span", { class: "marker-dot" }) : avatar(person.name, person.color),
      this.words,
    );
    this.element = h(
      "button",
      // Not in the tab order: the list has the same people, and fifty stops on the map would be tedious.
      { class: `marker ${isMe ? "marker-me" : ""}`, type: "button", tabindex: -1, click: onChoose },
      this.body,
    );
    this.element.style.setProperty("--color", person.color);
    this.marker = new Marker({ element: this.element }).setLngLat(position).addTo(map);
  }

  remove(): void {
    this.glide?.animation.cancel();
    this.marker.remove();
  }

  /** Draws the changes since the last call. */
  update(entry: RosterEntry, position: Position, isChosen: boolean, isStill: boolean): void {
    const { drawn } = this;
    const { person } = entry;
    const note = noteOn(entry);
    const name = entry.isMe ? t.you : person.name;
    if (name + note !== this.label) {
      this.label = name + note;
      setText(this.name, name);
      setText(this.note, note);
    }
    // Screen readers read the label on demand, so it may be a second old.
    const spoken = t.onMap(name, describePresence(entry));
    if (this.element.getAttribute("aria-label") !== spoken) this.element.setAttribute("aria-label", spoken);
    this.drawn = { entry, isChosen };
    if (
      !drawn ||
      drawn.entry.person !== person ||
      drawn.isChosen !== isChosen ||
      isOld(drawn.entry) !== isOld(entry)
    ) {
      this.drawState(entry, position, isChosen);
    }
    if (position !== this.position) this.moveTo(position, isStill);
  }

  /** Places the name at a side with room. Without room it is hidden. */
  placeName(side: Side | null): void {
    if (this.side === side && this.words.hidden === (side === null)) return;
    this.side = side;
    this.words.hidden = side === null;
    this.words.dataset.side = side ?? "";
  }

  /** A member of a group is not drawn by itself. */
  hide(isHidden: boolean): void {
    if (this.element.hidden !== isHidden) this.element.hidden = isHidden;
  }

  fitHalo(zoom: number): void {
    const metres = this.position.accuracy ?? 0;
    const diameter = Math.round((2 * metres) / metresPerPixel(this.position.lat, zoom));
    if (diameter === this.haloPx) return;
    this.haloPx = diameter;
    this.halo.hidden = diameter < SMALLEST_HALO_PX || diameter > LARGEST_HALO_PX;
    this.halo.style.width = `${diameter}px`;
    this.halo.style.height = `${diameter}px`;
  }

  /** The zoom has changed: the offset of the running animation is of the old scale. */
  arrive(): void {
    this.glide?.animation.finish();
  }

  private drawState(entry: RosterEntry, position: Position, isChosen: boolean): void {
    const { classList } = this.element;
    const { status } = entry.person;
    classList.toggle("is-chosen", isChosen);
    classList.toggle("is-old", isOld(entry));
    classList.toggle("is-rough", isRough(position.accuracy));
    classList.toggle("is-away", status === "hidden" || status === "no_gps");
    this.arrow.hidden = position.heading === undefined;
    if (position.heading !== undefined) this.arrow.style.transform = `rotate(${position.heading}deg)`;
  }

  /** Animated by the browser's compositor, without script. */
  private moveTo(position: Position, isStill: boolean): void {
    const duration = Math.min(LONGEST_GLIDE_MS, Math.max(300, position.at - this.position.at));
    const { lat, lng } = this.position;
    // The same position is sent again while a person stands still.
    if (lat === position.lat && lng === position.lng) {
      this.position = position;
      return;
    }
    const from = this.shownAt();
    this.position = position;
    this.marker.setLngLat(position);
    this.glide?.animation.cancel();
    this.glide = null;
    const to = this.map.project(position);
    const x = from.x - to.x;
    const y = from.y - to.y;
    const way = Math.hypot(x, y);
    if (isStill || this.element.hidden || way < SMALLEST_GLIDE_PX || way > FARTHEST_GLIDE_PX) return;
    const transform = [`translate(${x}px, ${y}px)`, "none"];
    this.glide = { x, y, animation: this.body.animate({ transform }, { duration }) };
  }

  private shownAt(): Spot {
    const { x, y } = this.map.project(this.position);
    const { glide } = this;
    const progress = glide?.animation.effect?.getComputedTiming().progress;
    if (!glide || typeof progress !== "number") return { x, y };
    return { x: x + glide.x * (1 - progress), y: y + glide.y * (1 - progress) };
  }
}

/** Several people at one place: their number. A tap opens the group. */
export class GroupMarker {
  private readonly element: HTMLButtonElement;
  private readonly count = h("span", { class: "group-count" });
  private readonly marker: Marker;
  private members: readonly RosterEntry[] = [];
  private shown: Position | null = null;

  constructor(map: MapOf, onOpen: (userIds: string[]) => void) {
    const open = () => onOpen(this.members.map(({ person }) => person.userId));
    this.element = h(
      "button",
      { class: "marker group", type: "button", tabindex: -1, click: open },
      h("span", { class: "marker-body" }, this.count),
    );
    this.marker = new Marker({ element: this.element }).setLngLat([0, 0]).addTo(map);
  }

  update(members: readonly RosterEntry[]): void {
    this.members = members;
    setText(this.count, String(members.length));
    const label = t.together(members.map(({ person }) => person.name));
    if (this.element.getAttribute("aria-label") !== label) this.element.setAttribute("aria-label", label);
    const [first] = members;
    const place = first?.person.position;
    if (!place || (place.lat === this.shown?.lat && place.lng === this.shown.lng)) return;
    this.shown = place;
    this.marker.setLngLat(place);
  }

  remove(): void {
    this.marker.remove();
  }
}
