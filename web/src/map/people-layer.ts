import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import type { LatLng } from "../geometry";
import type { RosterEntry } from "../roster";
import type { Position } from "../session";
import { PersonMarker } from "./marker";

/** More names than this cover one another. */
const MOST_NAMES = 12;

/** Everybody who has a position, with their trails, gliding from update to update. */
export class PeopleLayer {
  private readonly markers = new Map<string, PersonMarker>();
  private entries: RosterEntry[] = [];
  private drawnTrails: (readonly LatLng[])[] = [];
  private frame = 0;

  constructor(
    private readonly map: MapLibre,
    private readonly stillness: MediaQueryList,
    private readonly onChoose: (userId: string) => void,
  ) {
    map.on("zoom", () => this.fitHalos());
    map.on("style.load", () => this.drawTrails());
  }

  draw(entries: RosterEntry[], chosen: string | null): void {
    this.entries = entries;
    this.removeAllBut(new Set(entries.flatMap(({ person }) => (person.position ? [person.userId] : []))));
    for (const entry of entries) this.drawOne(entry, chosen);
    this.map.getContainer().classList.toggle("is-crowded", this.markers.size > MOST_NAMES);
    this.fitHalos();
    if (entries.some((entry, place) => trailOf(entry) !== this.drawnTrails[place])) this.drawTrails();
    if (this.frame === 0) this.frame = requestAnimationFrame(this.glide);
  }

  /** Where somebody is, not where their gliding avatar has got to. */
  placeOf(userId: string): Position | null {
    return this.entries.find(({ person }) => person.userId === userId)?.person.position ?? null;
  }

  places(): Position[] {
    return this.entries.flatMap(({ person }) => person.position ?? []);
  }

  /** Differs whenever other people are on the map. */
  group(): string {
    return [...this.markers.keys()].sort().join();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.removeAllBut(new Set());
  }

  private removeAllBut(kept: ReadonlySet<string>): void {
    for (const [userId, marker] of this.markers) {
      if (kept.has(userId)) continue;
      marker.remove();
      this.markers.delete(userId);
    }
  }

  private drawOne(entry: RosterEntry, chosen: string | null): void {
    const { userId, position } = entry.person;
    if (!position) return;
    let marker = this.markers.get(userId);
    if (!marker) {
      marker = new PersonMarker(entry, position, () => this.onChoose(userId)).addTo(this.map);
      this.markers.set(userId, marker);
    }
    marker.update(entry, position, userId === chosen, performance.now());
  }

  private readonly glide = (now: number): void => {
    const moving = [...this.markers.values()].filter((marker) => marker.step(now, this.stillness.matches));
    this.frame = moving.length > 0 ? requestAnimationFrame(this.glide) : 0;
  };

  private fitHalos(): void {
    for (const marker of this.markers.values()) marker.fitHalo(this.map.getZoom());
  }

  private drawTrails(): void {
    this.drawnTrails = this.entries.map(trailOf);
    // Until the style has loaded there is no source; loading it draws the trails again.
    this.map.getSource<GeoJSONSource>("trails")?.setData(trailLines(this.entries));
  }
}

const NO_TRAIL: readonly LatLng[] = [];

/** The end of a trail would show where somebody is who has no position to show. */
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
      geometry: { type: "LineString", coordinates: trail.map(({ lng, lat }) => [lng, lat]) },
    })),
  };
}
