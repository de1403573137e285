import { formatAltitude, formatDistance, formatPercent, formatSpeed } from "../format";
import { compassPoint } from "../geometry";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import { h } from "./dom";

/** "300 m, north-east of you". */
export function describeDirection({ distance, bearing }: RosterEntry): string {
  if (distance === null || bearing === null) return "";
  if (distance < AT_ONE_SPOT_METRES) return t.beside;
  return `${formatDistance(distance)}, ${t.compassWords[compassPoint(bearing)] ?? ""}`;
}

/** Below the accuracy of the positions a direction is meaningless. */
export const AT_ONE_SPOT_METRES = 5;

/** Speed, accuracy and the other values that the device reported. */
export function factsList() {
  const element = h("dl", { class: "person-facts" });
  let shown = "";
  return {
    element,
    update(entry: RosterEntry) {
      const known = factsOf(entry);
      const text = known.flat().join("|");
      if (shown === text) return;
      shown = text;
      element.replaceChildren(
        ...known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
      );
    },
  };
}

function factsOf({ person: { position } }: RosterEntry): [term: string, value: string][] {
  const known: [string, string][] = [];
  if (position?.speed !== undefined) known.push([t.speed, formatSpeed(position.speed)]);
  if (position?.accuracy !== undefined) known.push([t.accuracy, `± ${formatDistance(position.accuracy)}`]);
  if (position?.heading !== undefined)
    known.push([t.heading, t.compass[compassPoint(position.heading)] ?? ""]);
  if (position?.altitude !== undefined) known.push([t.altitude, formatAltitude(position.altitude)]);
  if (position?.battery !== undefined) known.push([t.battery, formatPercent(position.battery)]);
  return known;
}
