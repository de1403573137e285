import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import { h } from "./dom";
import { icon } from "./icons";

/** A link that opens the place in the phone's own map application. */
export function placeLink() {
  const element = h("a", { class: "button small" }, icon("forward"), t.takeMeThere);
  return {
    element,
    update({ person: { position, name } }: RosterEntry) {
      element.hidden = position === null;
      if (!position) return;
      const href = placeAddress(position.lat, position.lng, name, navigator.userAgent);
      if (element.getAttribute("href") !== href) element.setAttribute("href", href);
    },
  };
}

/** Android and some desktops support `geo:`. Apple's devices have a URL of their own. */
export function placeAddress(lat: number, lng: number, name: string, userAgent: string): string {
  const place = `${lat.toFixed(6)},${lng.toFixed(6)}`;
  if (/iPhone|iPad|Macintosh/.test(userAgent)) return `https://maps.apple.com/?daddr=${place}`;
  if (/Android/.test(userAgent)) return `geo:${place}?q=${place}(${encodeURIComponent(name)})`;
  return `https://www.openstreetmap.org/directions?to=${encodeURIComponent(place)}`;
}
