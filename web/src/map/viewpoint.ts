import type { Map as MapLibre, PaddingOptions } from "maplibre-gl";
import { type Bounds, boundsOf, type LatLng, zoomFor } from "../geometry";
import type { Position } from "../session";
import { type Camera, needsRefit } from "./camera";
import type { PeopleLayer } from "./people-layer";

const CLOSEST_FIT = 16;
const CLOSE_UP = 15;
/** Room for avatars, names, buttons and the scale. */
const FIT_PADDING = { top: 64, bottom: 96, left: 64, right: 100 };
const GLIDE_MS = 900;
/** How much of the shorter side a ring may take. */
const RING_SHARE = 0.6;

/** Moves the map so that it keeps showing what the camera is set to. */
export class Viewpoint {
  private camera: Camera = { mode: "everyone" };
  private fittedGroup = "";
  private followed: LatLng | null = null;
  private isFirstView = true;
  private readonly resizes = new ResizeObserver(() => {
    this.fittedGroup = "";
  });

  constructor(
    private readonly map: MapLibre,
    private readonly people: PeopleLayer,
    private readonly stillness: MediaQueryList,
  ) {
    this.resizes.observe(map.getContainer());
  }

  look(camera: Camera): void {
    this.camera = camera;
    this.fittedGroup = "";
    this.followed = null;
    this.keepUp();
  }

  centreOn(userId: string): void {
    const place = this.people.placeOf(userId);
    if (place) this.approach(place);
  }

  keepUp(): void {
    if (this.camera.mode === "everyone") this.keepEveryone();
    if (this.camera.mode === "person") this.keepPerson(this.camera.userId);
  }

  dispose(): void {
    this.resizes.disconnect();
  }

  private keepEveryone(): void {
    const bounds = boundsOf(this.people.places());
    const group = this.people.group();
    if (!bounds || !needsRefit(viewOf(this.map), bounds, group !== this.fittedGroup)) return;
    this.fittedGroup = group;
    const fitting = { padding: paddingIn(this.map.getContainer()), maxZoom: CLOSEST_FIT };
    // From the whole world to one street is no way to travel: the first view is there at once.
    this.map.fitBounds(bounds, { ...fitting, duration: this.isFirstView ? 0 : this.glideMs() });
    this.isFirstView = false;
  }

  private keepPerson(userId: string): void {
    const place = this.people.placeOf(userId);
    if (place && place !== this.followed) this.approach(place);
    this.followed = place;
  }

  private approach(center: Position): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    // A rough position is shown as the area that it is.
    const whole = zoomFor(
      center.lat,
      2 * (center.accuracy ?? 0),
      RING_SHARE * Math.min(clientWidth, clientHeight),
    );
    const zoom = Math.min(Math.max(this.map.getZoom(), CLOSE_UP), whole);
    this.map.easeTo({ center, zoom, duration: this.glideMs() });
  }

  private glideMs(): number {
    return this.stillness.matches ? 0 : GLIDE_MS;
  }
}

export function viewOf(map: MapLibre): Bounds {
  const bounds = map.getBounds();
  return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}

function paddingIn({ clientWidth, clientHeight }: HTMLElement): PaddingOptions {
  const scale = Math.min(1, clientWidth / 320, clientHeight / 360);
  const { top, bottom, left, right } = FIT_PADDING;
  return { top: top * scale, bottom: bottom * scale, left: left * scale, right: right * scale };
}
