import { Marker } from "maplibre-gl";
import { formatDistance, formatShortAge } from "../format";
import { type LatLng, metresPerPixel, nearestTurn } from "../geometry";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import type { Position } from "../session";
import { isRough } from "../sharing-state";
import { avatar } from "../ui/avatar";
import { h, setText } from "../ui/dom";
import { describePresence } from "../ui/presence";

/** A walk from one update to the next takes as long as updates are apart, so that motion never rests. */
const LONGEST_GLIDE_MS = 2_200;
const FARTHEST_GLIDE_DEGREES = 0.02;
const SMALLEST_HALO_PX = 22;
const LARGEST_HALO_PX = 3_000;

/** Anybody who shares is heard of at least every 10 s. */
const OLD_MS = 30_000;

const isOld = ({ ageMs }: RosterEntry) => (ageMs ?? 0) >= OLD_MS;

/** Beside the name, what makes the place worth less than it looks. */
function noteOn(entry: RosterEntry): string {
  const { position } = entry.person;
  if (isOld(entry)) return formatShortAge(entry.ageMs ?? 0);
  return isRough(position?.accuracy) ? t.rough(formatDistance(position.accuracy)) : "";
}

/** One person on the map: avatar, name, heading and a circle as large as the position is uncertain. */
export class PersonMarker {
  readonly element: HTMLButtonElement;
  private readonly marker: Marker;
  private readonly halo = h("span", { class: "marker-halo" });
  private readonly arrow = h("span", { class: "marker-heading" });
  private readonly name = h("span", { class: "marker-name", "aria-hidden": "true" });
  private position: Position;
  private shown: LatLng;
  private glide: { from: LatLng; startedAt: number; duration: number } | null = null;

  constructor(entry: RosterEntry, position: Position, onChoose: () => void) {
    const { person, isMe } = entry;
    this.position = position;
    this.shown = position;
    this.element = h(
      "button",
      // The list holds the same people for the keyboard; fifty stops on the map would be in the way.
      { class: `marker ${isMe ? "marker-me" : ""}`, type: "button", tabindex: -1, click: onChoose },
      this.halo,
      this.arrow,
      isMe ? h("span", { class: "marker-dot" }) : avatar(person.name, person.color),
      this.name,
    );
    this.element.style.setProperty("--color", person.color);
    this.marker = new Marker({ element: this.element }).setLngLat(position);
  }

  addTo(map: Parameters<Marker["addTo"]>[0]): this {
    this.marker.addTo(map);
    return this;
  }

  remove(): void {
    this.marker.remove();
  }

  update(entry: RosterEntry, position: Position, isChosen: boolean, startedAt: number): void {
    const { person } = entry;
    const name = entry.isMe ? t.you : person.name;
    setText(this.name, [name, noteOn(entry)].filter(Boolean).join(" · "));
    this.element.setAttribute("aria-label", t.onMap(name, describePresence(entry)));
    this.element.classList.toggle("is-chosen", isChosen);
    this.element.classList.toggle("is-old", isOld(entry));
    this.element.classList.toggle("is-rough", isRough(position.accuracy));
    this.element.classList.toggle("is-away", person.status === "hidden" || person.status === "no_gps");
    this.arrow.hidden = position.heading === undefined;
    if (position.heading !== undefined) this.arrow.style.transform = `rotate(${position.heading}deg)`;
    if (position === this.position) return;
    const duration = Math.min(LONGEST_GLIDE_MS, Math.max(300, position.at - this.position.at));
    this.glide = { from: this.shown, startedAt, duration };
    this.position = position;
  }

  /** Draws the place for this moment; false once it has arrived. */
  step(now: number, isInstant: boolean): boolean {
    if (!this.glide) return false;
    const { from, startedAt, duration } = this.glide;
    const lat = this.position.lat - from.lat;
    const lng = nearestTurn(this.position.lng - from.lng);
    const isFar = Math.max(Math.abs(lat), Math.abs(lng)) > FARTHEST_GLIDE_DEGREES;
    const part = isInstant || isFar ? 1 : Math.min(1, (now - startedAt) / duration);
    this.shown = { lat: from.lat + lat * part, lng: from.lng + lng * part };
    this.marker.setLngLat(this.shown);
    if (part === 1) this.glide = null;
    return part < 1;
  }

  fitHalo(zoom: number): void {
    const diameter = (2 * (this.position.accuracy ?? 0)) / metresPerPixel(this.position.lat, zoom);
    this.halo.hidden = diameter < SMALLEST_HALO_PX || diameter > LARGEST_HALO_PX;
    const size = `${Math.round(diameter)}px`;
    this.halo.style.width = size;
    this.halo.style.height = size;
  }
}
