import { type Map as MapLibre, MercatorCoordinate } from "maplibre-gl";
import { type Bounds, boundsOf, type LatLng, nearestTurn, zoomFor } from "../geometry";
import type { Position } from "../session";
import { type Camera, isTooWide, someoneIsHidden } from "./camera";
import type { PeopleLayer } from "./people-layer";
import type { Box, Spot } from "./placement";

const CLOSEST_FIT = 16;
const CLOSE_UP = 15;
const CLOSEST = 19;
/** Room for an avatar and its name at each side, and for the scale at the bottom. */
const FIT_PADDING = { top: 56, bottom: 76, left: 48, right: 48 };
type Padding = Record<"top" | "bottom" | "left" | "right", number>;
const GLIDE_MS = 900;
/** The part of the shorter side that an accuracy circle may take. */
const RING_SHARE = 0.6;
/** The map zooms in on a smaller group only after this time, so that a weak signal does not move it back and forth. */
const CLOSE_IN_AFTER_MS = 30_000;
/** Members of a group are distinguishable at this distance. */
const TOLD_APART_PX = 48;
const TILE_PX = 512;

/** Moves the map according to the camera. */
export class Viewpoint {
  private camera: Camera = { mode: "everyone" };
  private mustFit = true;
  private tooWideSince: number | null = null;
  private followed: LatLng | null = null;
  private isFirstView = true;
  private readonly resizes = new ResizeObserver(() => {
    this.mustFit = true;
    this.keepUp();
  });

  constructor(
    private readonly map: MapLibre,
    private readonly people: PeopleLayer,
    private readonly reducedMotion: MediaQueryList,
    private readonly covers: () => readonly HTMLElement[],
  ) {
    this.resizes.observe(map.getContainer());
  }

  setCamera(camera: Camera): void {
    this.camera = camera;
    this.mustFit = true;
    this.followed = null;
    this.keepUp();
  }

  centreOn(userId: string): void {
    const place = this.people.placeOf(userId);
    if (place) this.approach(place);
  }

  /** Zooms in until these people no longer overlap. False where no zoom is enough. */
  openUp(userIds: readonly string[]): boolean {
    const places = userIds.flatMap((userId) => this.people.placeOf(userId) ?? []);
    const bounds = boundsOf(places.map(({ lat, lng }) => ({ lat, lng })));
    if (!bounds || !isApartWhenClosest(bounds)) return false;
    this.map.fitBounds(bounds, { padding: this.padding(), maxZoom: CLOSEST, duration: this.glideMs() });
    return true;
  }

  keepUp(): void {
    if (this.camera.mode === "everyone") this.keepEveryone();
    if (this.camera.mode === "person") this.keepPerson(this.camera.userId);
  }

  dispose(): void {
    this.resizes.disconnect();
  }

  private keepEveryone(): void {
    const places = this.people.places();
    const bounds = boundsOf(places);
    if (!bounds || this.map.isMoving() || !(this.mustFit || this.isUnfit(places, bounds))) return;
    this.mustFit = false;
    this.tooWideSince = null;
    const fitting = { padding: this.paddingFor(places, bounds), maxZoom: CLOSEST_FIT };
    // The first view is not animated: it would fly from the whole world to one street.
    this.map.fitBounds(bounds, { ...fitting, duration: this.isFirstView ? 0 : this.glideMs() });
    this.isFirstView = false;
  }

  private isUnfit(places: readonly Position[], bounds: Bounds): boolean {
    const spots = places.map((place) => this.map.project(place));
    if (someoneIsHidden(spots, this.size(), this.coverBoxes())) return true;
    const now = performance.now();
    if (!isTooWide(viewOf(this.map), bounds) || this.map.getZoom() >= CLOSEST_FIT) this.tooWideSince = null;
    else this.tooWideSince ??= now;
    return this.tooWideSince !== null && now - this.tooWideSince > CLOSE_IN_AFTER_MS;
  }

  /** The smallest sufficient padding: room for a button or a card only if it would cover a person. */
  private paddingFor(places: readonly Position[], bounds: Bounds): Padding {
    const padding = this.padding();
    const camera = this.map.cameraForBounds(bounds, { padding, maxZoom: CLOSEST_FIT });
    if (!camera?.center || camera.zoom === undefined) return padding;
    const { width, height } = this.size();
    const world = TILE_PX * 2 ** camera.zoom;
    const centre = MercatorCoordinate.fromLngLat(camera.center);
    const spots = places.map((place): Spot => {
      const { x, y } = MercatorCoordinate.fromLngLat(place);
      return {
        x: width / 2 + (nearestTurn((x - centre.x) * 360) / 360) * world,
        y: height / 2 + (y - centre.y) * world,
      };
    });
    const covers = this.coverBoxes();
    if (!someoneIsHidden(spots, this.size(), covers)) return padding;
    const widest = covers.filter((box) => box.right - box.left > width / 2);
    const narrow = covers.filter((box) => box.right - box.left <= width / 2);
    return this.within({
      ...padding,
      bottom: Math.max(padding.bottom, ...widest.map(({ top }) => height - top + 40)),
      right: Math.max(padding.right, ...narrow.map(({ left }) => width - left + 28)),
    });
  }

  private padding(): Padding {
    return this.within(FIT_PADDING);
  }

  /** On a small map the padding shrinks with it. */
  private within({ top, bottom, left, right }: Padding): Padding {
    const { width, height } = this.size();
    const across = Math.min(1, (0.6 * width) / (left + right));
    const along = Math.min(1, (0.6 * height) / (top + bottom));
    return { top: top * along, bottom: bottom * along, left: left * across, right: right * across };
  }

  private size(): { width: number; height: number } {
    const { clientWidth, clientHeight } = this.map.getContainer();
    return { width: clientWidth, height: clientHeight };
  }

  private coverBoxes(): Box[] {
    const { left, top } = this.map.getContainer().getBoundingClientRect();
    return this.covers().flatMap((element) => {
      const box = element.getBoundingClientRect();
      if (box.width === 0) return [];
      return { left: box.left - left, top: box.top - top, right: box.right - left, bottom: box.bottom - top };
    });
  }

  private keepPerson(userId: string): void {
    const place = this.people.placeOf(userId);
    if (place && place !== this.followed) this.approach(place);
    this.followed = place;
  }

  private approach(center: Position): void {
    const { width, height } = this.size();
    // An imprecise position is shown with its whole accuracy circle.
    const whole = zoomFor(center.lat, 2 * (center.accuracy ?? 0), RING_SHARE * Math.min(width, height));
    const zoom = Math.min(Math.max(this.map.getZoom(), CLOSE_UP), whole);
    this.map.easeTo({ center, zoom, duration: this.glideMs() });
  }

  private glideMs(): number {
    return this.reducedMotion.matches ? 0 : GLIDE_MS;
  }
}

function isApartWhenClosest([west, south, east, north]: Bounds): boolean {
  const pixels = (TILE_PX * 2 ** CLOSEST) / 360;
  return Math.hypot((east - west) * pixels, (north - south) * pixels) > TOLD_APART_PX;
}

export function viewOf(map: MapLibre): Bounds {
  const bounds = map.getBounds();
  return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}
