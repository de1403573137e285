import {
  AttributionControl,
  type GeoJSONSource,
  Map as MapLibre,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { Config } from "../api";
import { usesMiles } from "../format";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import type { Camera } from "./camera";
import { graticule } from "./graticule";
import { PeopleLayer } from "./people-layer";
import { baseStyle, themeFor, withOwnLayers } from "./style";
import { Viewpoint, viewOf } from "./viewpoint";
import { loadLand } from "./world";

setWorkerUrl(workerUrl);

export interface MapView {
  draw(entries: RosterEntry[], chosen: string | null): void;
  setCamera(camera: Camera): void;
  /** Once, without following them. */
  centreOn(userId: string): void;
  /** The network is back: requests failed tiles again. */
  refresh(): void;
  dispose(): void;
}

interface MapOptions {
  container: HTMLElement;
  config: Config["map"];
  /** The map was moved by hand. */
  onMoved(): void;
  onChoose(userId: string): void;
  /** Several people at one place, too close for any zoom. */
  onOpenGroup(userIds: string[]): void;
  /** The elements that cover parts of the map. */
  covers(): readonly HTMLElement[];
  /** Whether the map server answers. */
  onTiles(areThere: boolean): void;
}

/** Draws people on a map. Throws where the browser cannot draw one (no WebGL). */
export async function openMap({ container, config, ...on }: MapOptions): Promise<MapView> {
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  const land = await loadLand();
  const ground = () => baseStyle(land, config.style_url ? null : config.tiles, themeFor(darkness.matches));
  const map = createMap(container, ground());
  const people = new PeopleLayer(map, reducedMotion, on.onChoose, (userIds) => {
    if (!viewpoint.openUp(userIds)) on.onOpenGroup(userIds);
    else on.onMoved();
  });
  const viewpoint = new Viewpoint(map, people, reducedMotion, on.covers);

  const restyle = () => {
    if (!config.style_url) return void map.setStyle(ground());
    map.setStyle(config.style_url, { transformStyle: (_, foreign) => withOwnLayers(ground(), foreign) });
  };
  if (config.style_url) restyle();
  darkness.addEventListener("change", restyle);

  const drawGraticule = () => map.getSource<GeoJSONSource>("graticule")?.setData(graticule(viewOf(map)));
  map.on("moveend", drawGraticule);
  map.on("style.load", drawGraticule);
  map.on("movestart", (event) => {
    if (event.originalEvent) on.onMoved();
  });
  const tiles = watchTiles(map, on.onTiles);

  return {
    draw(entries, chosen) {
      people.draw(entries, chosen);
      viewpoint.keepUp();
    },
    setCamera: (camera) => viewpoint.setCamera(camera),
    centreOn: (userId) => viewpoint.centreOn(userId),
    refresh: tiles.refresh,
    dispose() {
      darkness.removeEventListener("change", restyle);
      tiles.dispose();
      viewpoint.dispose();
      people.dispose();
      map.remove();
    },
  };
}

const TRY_TILES_MS = 15_000;

/** Reports whether tiles load, and requests failed ones again, which MapLibre does not do. */
function watchTiles(map: MapLibre, onTiles: (areThere: boolean) => void) {
  let timer = 0;
  const refresh = () => {
    if (timer !== 0 && map.getSource("tiles")) map.refreshTiles("tiles");
  };
  const settle = (areThere: boolean) => {
    if (areThere === (timer === 0)) return;
    clearInterval(timer);
    timer = areThere ? 0 : window.setInterval(refresh, TRY_TILES_MS);
    onTiles(areThere);
  };
  map.on("error", (event) => {
    if ("sourceId" in event && event.sourceId === "tiles") settle(false);
  });
  map.on("sourcedata", ({ sourceId, tile }) => {
    if (sourceId === "tiles" && tile?.state === "loaded") settle(true);
  });
  return { refresh, dispose: () => clearInterval(timer) };
}

function createMap(container: HTMLElement, style: ReturnType<typeof baseStyle>): MapLibre {
  const map = new MapLibre({
    container,
    style,
    center: [10, 25],
    zoom: 1,
    maxZoom: 19,
    maxPitch: 0,
    dragRotate: false,
    pitchWithRotate: false,
    attributionControl: false,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ScaleControl({ maxWidth: 96, unit: usesMiles ? "imperial" : "metric" }), "bottom-left");
  map.addControl(new AttributionControl({ compact: false }), "bottom-right");
  map.getCanvas().setAttribute("aria-label", t.map);
  return map;
}
