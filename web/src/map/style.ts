import type { MultiPolygon } from "geojson";
import type {
  GeoJSONSourceSpecification,
  LayerSpecification,
  RasterLayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import type { Config } from "../api";

export interface Theme {
  sea: string;
  land: string;
  shore: string;
  grid: string;
  gridText: string;
  isDark: boolean;
}

const LIGHT: Theme = {
  sea: "#cfe1e4",
  land: "#f1efe6",
  shore: "#a9c3c6",
  grid: "#7f9a9c",
  gridText: "#5d7678",
  isDark: false,
};

const DARK: Theme = {
  sea: "#0d1a1f",
  land: "#1c2a2b",
  shore: "#35494b",
  grid: "#4d6668",
  gridText: "#7f9a9b",
  isDark: true,
};

export const themeFor = (isDark: boolean): Theme => (isDark ? DARK : LIGHT);

const EMPTY: GeoJSONSourceSpecification = {
  type: "geojson",
  data: { type: "FeatureCollection", features: [] },
};

/** Land, sea and graticule, with the operator's raster tiles on top if there are any. */
export function baseStyle(
  land: MultiPolygon,
  tiles: Config["map"]["tiles"],
  theme: Theme,
): StyleSpecification {
  const style: StyleSpecification = {
    version: 8,
    sources: { land: { type: "geojson", data: land }, graticule: EMPTY, trails: EMPTY },
    layers: [...worldLayers(theme), trailLayer],
  };
  if (!tiles) return style;
  style.sources.tiles = {
    type: "raster",
    tiles: [tiles.url],
    tileSize: 256,
    maxzoom: tiles.max_zoom,
    attribution: tiles.attribution,
  };
  style.layers.splice(-1, 0, tileLayer(theme));
  return style;
}

/** The operator's own style, above the built-in world and below the trails. */
export function withOwnLayers(own: StyleSpecification, foreign: StyleSpecification): StyleSpecification {
  const [trails] = own.layers.slice(-1) as [LayerSpecification];
  return {
    ...foreign,
    sources: { ...foreign.sources, ...own.sources },
    layers: [...own.layers.slice(0, -1), ...foreign.layers, trails],
  };
}

function worldLayers({ sea, land, shore, grid, gridText }: Theme): LayerSpecification[] {
  return [
    { id: "sea", type: "background", paint: { "background-color": sea } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": land } },
    { id: "shore", type: "line", source: "land", paint: { "line-color": shore, "line-width": 1 } },
    {
      id: "graticule",
      type: "line",
      source: "graticule",
      paint: { "line-color": grid, "line-width": 0.5, "line-opacity": 0.55 },
    },
    {
      id: "graticule-labels",
      type: "symbol",
      source: "graticule",
      filter: ["has", "label"],
      layout: {
        "text-field": ["get", "label"],
        "text-size": 10,
        "text-letter-spacing": 0.04,
        "text-font": ["sans-serif"],
        "text-anchor": ["get", "side"],
        "text-offset": ["match", ["get", "side"], "left", ["literal", [0.6, 0]], ["literal", [0, 0.6]]],
      },
      paint: { "text-color": gridText, "text-halo-color": land, "text-halo-width": 1 },
    },
  ];
}

/** Tiles are made for a light page. In dark mode their lightness is inverted and their hue restored. */
function tileLayer({ isDark }: Theme): RasterLayerSpecification {
  const paint: RasterLayerSpecification["paint"] = { "raster-fade-duration": 150 };
  if (isDark) {
    Object.assign(paint, {
      "raster-brightness-min": 0.92,
      "raster-brightness-max": 0.08,
      "raster-hue-rotate": 180,
      "raster-saturation": -0.35,
    });
  }
  return { id: "tiles", type: "raster", source: "tiles", paint };
}

const trailLayer: LayerSpecification = {
  id: "trails",
  type: "line",
  source: "trails",
  layout: { "line-cap": "round", "line-join": "round" },
  paint: { "line-color": ["get", "color"], "line-width": 3, "line-opacity": 0.55 },
};
