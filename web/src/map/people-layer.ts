import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import { type LatLng, nearestTurn } from "../geometry";
import type { RosterEntry } from "../roster";
import type { Position } from "../session";
import { GroupMarker, PersonMarker } from "./marker";
import { type Box, groupsOf, placeLabels, type Spot } from "./placement";

/** How often groups and name placement are computed. */
const PLACE_MS = 500;
/** The map redraws all trails for each new point, so they are redrawn at intervals. */
const TRAILS_MS = 3_000;
/** The maximum width of a name, with its padding. */
const MOST_LABEL_PX = 150;
const LABEL_HEIGHT_PX = 22;
const LABEL_FONT = "600 13px system-ui, sans-serif";

/** All people with a position, and their trails. Markers move smoothly between updates. */
export class PeopleLayer {
  private readonly markers = new Map<string, PersonMarker>();
  private readonly groups = new Map<string, GroupMarker>();
  /** For each person, the first member of their group. */
  private groupOf = new Map<string, string>();
  private entries: RosterEntry[] = [];
  private chosen: string | null = null;
  private drawnTrails: (readonly LatLng[])[] = [];
  private placedAt = Number.NEGATIVE_INFINITY;
  private placedFor = "";
  private trailTimer = 0;
  private readonly widths = new Map<string, number>();
  private readonly pen = document.createElement("canvas").getContext("2d");

  constructor(
    private readonly map: MapLibre,
    private readonly reducedMotion: MediaQueryList,
    private readonly onChoose: (userId: string) => void,
    private readonly onOpenGroup: (userIds: string[]) => void,
  ) {
    map.on("zoom", () => this.fitHalos());
    map.on("zoomstart", () => {
      for (const marker of this.markers.values()) marker.arrive();
    });
    map.on("moveend", () => this.place());
    map.on("style.load", () => this.drawTrails());
  }

  draw(entries: RosterEntry[], chosen: string | null): void {
    this.entries = entries;
    this.chosen = chosen;
    const present = entries.filter(({ person }) => person.position !== null);
    this.removeAllBut(new Set(present.map(({ person }) => person.userId)));
    for (const entry of present) this.drawOne(entry);
    const people = `${[...this.markers.keys()].join()} ${chosen}`;
    if (people !== this.placedFor || performance.now() - this.placedAt > PLACE_MS) {
      this.placedFor = people;
      this.place();
    }
    if (this.trailTimer === 0 && entries.some((entry, place) => trailOf(entry) !== this.drawnTrails[place])) {
      this.drawTrails();
      this.trailTimer = window.setTimeout(() => {
        this.trailTimer = 0;
      }, TRAILS_MS);
    }
  }

  /** The position of a person, not of their moving marker. */
  placeOf(userId: string): Position | null {
    return this.entries.find(({ person }) => person.userId === userId)?.person.position ?? null;
  }

  places(): Position[] {
    return this.entries.flatMap(({ person }) => person.position ?? []);
  }

  dispose(): void {
    clearTimeout(this.trailTimer);
    this.removeAllBut(new Set());
    for (const group of this.groups.values()) group.remove();
  }

  private removeAllBut(kept: ReadonlySet<string>): void {
    for (const [userId, marker] of this.markers) {
      if (kept.has(userId)) continue;
      marker.remove();
      this.markers.delete(userId);
    }
  }

  private drawOne(entry: RosterEntry): void {
    const { userId, position } = entry.person;
    if (!position) return;
    let marker = this.markers.get(userId);
    if (!marker) {
      marker = new PersonMarker(this.map, entry, position, () => this.onChoose(userId));
      this.markers.set(userId, marker);
    }
    marker.update(entry, position, userId === this.chosen, this.reducedMotion.matches);
    marker.fitHalo(this.map.getZoom());
  }

  /** Computes the groups and the placement of names. */
  private place(): void {
    this.placedAt = performance.now();
    const present = this.entries.filter(({ person }) => this.markers.has(person.userId));
    const spots = new Map(
      present.map(({ person }) => [person.userId, this.map.project(person.position as LatLng) as Spot]),
    );
    const standing = present.map(({ person: { userId }, isMe }) => ({
      id: userId,
      isAlone: isMe || userId === this.chosen,
      ...at(spots, userId),
    }));
    const groups = groupsOf(standing, this.groupOf);
    this.drawGroups(groups);
    this.placeNames(present, groups, spots);
  }

  private drawGroups(groups: ReadonlyMap<string, string[]>): void {
    const byId = new Map(this.entries.map((entry) => [entry.person.userId, entry]));
    this.groupOf = new Map();
    for (const [first, members] of groups) {
      for (const userId of members) {
        this.groupOf.set(userId, first);
        this.markers.get(userId)?.hide(members.length > 1);
      }
      if (members.length < 2) continue;
      let group = this.groups.get(first);
      if (!group) {
        group = new GroupMarker(this.map, this.onOpenGroup);
        this.groups.set(first, group);
      }
      group.update(members.flatMap((userId) => byId.get(userId) ?? []));
    }
    for (const [first, group] of this.groups) {
      if ((groups.get(first)?.length ?? 0) > 1) continue;
      group.remove();
      this.groups.delete(first);
    }
  }

  private placeNames(
    present: readonly RosterEntry[],
    groups: ReadonlyMap<string, string[]>,
    spots: ReadonlyMap<string, Spot>,
  ): void {
    const shown = present.filter(({ person }) => (groups.get(person.userId)?.length ?? 0) === 1);
    const labels = [...shown]
      .sort((a, b) => this.rank(a) - this.rank(b))
      .flatMap(({ person: { userId } }) => {
        const marker = this.markers.get(userId);
        if (!marker) return [];
        const { radius, side, label } = marker;
        const size = { width: this.widthOf(label), height: LABEL_HEIGHT_PX };
        return { id: userId, ...at(spots, userId), radius, side, ...size };
      });
    const crowds = [...groups]
      .filter(([, members]) => members.length > 1)
      .map(([id]) => around(at(spots, id)));
    const sides = placeLabels(labels, [...crowds, ...this.outside()]);
    for (const { id } of labels) this.markers.get(id)?.placeName(sides.get(id) ?? null);
  }

  /** The areas outside the map: a name that the edge would cut is not placed there. */
  private outside(): Box[] {
    const { clientWidth: width, clientHeight: height } = this.map.getContainer();
    const far = 1e6;
    return [
      { left: -far, top: -far, right: 0, bottom: far },
      { left: width, top: -far, right: far, bottom: far },
      { left: -far, top: -far, right: far, bottom: 0 },
      { left: -far, top: height, right: far, bottom: far },
    ];
  }

  /** The order in which names are placed: the selected person, oneself, names with a note, the others. */
  private rank({ person, isMe }: RosterEntry): number {
    if (person.userId === this.chosen) return 0;
    if (isMe) return 1;
    return this.markers.get(person.userId)?.label === person.name ? 3 : 2;
  }

  private widthOf(label: string): number {
    let width = this.widths.get(label);
    if (width === undefined) {
      if (this.pen) this.pen.font = LABEL_FONT;
      width = Math.min(MOST_LABEL_PX, (this.pen?.measureText(label).width ?? MOST_LABEL_PX) + 16);
      // Labels contain ages, so without this the cache would grow for ever.
      if (this.widths.size > 500) this.widths.clear();
      this.widths.set(label, width);
    }
    return width;
  }

  private fitHalos(): void {
    for (const marker of this.markers.values()) marker.fitHalo(this.map.getZoom());
  }

  private drawTrails(): void {
    this.drawnTrails = this.entries.map(trailOf);
    // The source exists once the style has loaded, which draws the trails again.
    this.map.getSource<GeoJSONSource>("trails")?.setData(trailLines(this.entries));
  }
}

const GROUP_RADIUS_PX = 22;
const around = ({ x, y }: Spot) => ({
  left: x - GROUP_RADIUS_PX,
  top: y - GROUP_RADIUS_PX,
  right: x + GROUP_RADIUS_PX,
  bottom: y + GROUP_RADIUS_PX,
});

function at(spots: ReadonlyMap<string, Spot>, userId: string): Spot {
  const { x, y } = spots.get(userId) ?? { x: 0, y: 0 };
  return { x, y };
}

const NO_TRAIL: readonly LatLng[] = [];

/** No trail without a position: its end would show where the person is. */
function trailOf({ person: { position, trail } }: RosterEntry): readonly LatLng[] {
  return position ? trail : NO_TRAIL;
}

function trailLines(entries: RosterEntry[]): FeatureCollection {
  const lines = entries.filter((entry) => trailOf(entry).length > 1);
  return {
    type: "FeatureCollection",
    features: lines.map(({ person: { trail, color } }) => ({
      type: "Feature",
      properties: { color },
      geometry: { type: "LineString", coordinates: unbroken(trail) },
    })),
  };
}

/** Without a jump around the world at 180°. */
function unbroken(trail: readonly LatLng[]): [number, number][] {
  let lng = trail[0]?.lng ?? 0;
  return trail.map((point) => {
    lng += nearestTurn(point.lng - lng);
    return [lng, point.lat];
  });
}
