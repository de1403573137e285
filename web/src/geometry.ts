export interface LatLng {
  lat: number;
  lng: number;
}

/** West, south, east, north, in degrees. */
export type Bounds = [west: number, south: number, east: number, north: number];

const EARTH_RADIUS_METRES = 6_371_008.8;
const radians = (degrees: number) => (degrees * Math.PI) / 180;
const degrees = (angle: number) => (angle * 180) / Math.PI;

export function distanceMetres(from: LatLng, to: LatLng): number {
  const halfLat = radians(to.lat - from.lat) / 2;
  const halfLng = radians(to.lng - from.lng) / 2;
  const chord =
    Math.sin(halfLat) ** 2 + Math.cos(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.sin(halfLng) ** 2;
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/** Initial bearing, clockwise from north, 0 to 360. */
export function bearingDegrees(from: LatLng, to: LatLng): number {
  const lng = radians(to.lng - from.lng);
  const y = Math.sin(lng) * Math.cos(radians(to.lat));
  const x =
    Math.cos(radians(from.lat)) * Math.sin(radians(to.lat)) -
    Math.sin(radians(from.lat)) * Math.cos(radians(to.lat)) * Math.cos(lng);
  return (degrees(Math.atan2(y, x)) + 360) % 360;
}

/** 0 is north, 1 north-east, and so on to 7, north-west. */
export function compassPoint(bearing: number): number {
  return Math.round(bearing / 45) % 8;
}

/** Bounds of all points and of the circles of `accuracy` metres around them. */
export function boundsOf(points: readonly (LatLng & { accuracy?: number })[]): Bounds | null {
  const [first] = points;
  if (!first) return null;
  const boxes = points.map(({ lat, lng, accuracy = 0 }): Bounds => {
    const tall = degrees(accuracy / EARTH_RADIUS_METRES);
    const wide = Math.min(180, tall / Math.max(0.01, Math.cos(radians(lat))));
    // Longitudes are relative to the first point, so that bounds across the date line stay small.
    const near = first.lng + nearestTurn(lng - first.lng);
    return [near - wide, Math.max(-90, lat - tall), near + wide, Math.min(90, lat + tall)];
  });
  return [
    Math.min(...boxes.map(([west]) => west)),
    Math.min(...boxes.map(([, south]) => south)),
    Math.max(...boxes.map(([, , east]) => east)),
    Math.max(...boxes.map(([, , , north]) => north)),
  ];
}

/** The same angle, between -180 and 180. */
export function nearestTurn(angle: number): number {
  return ((((angle + 180) % 360) + 360) % 360) - 180;
}

/** The zoom at which this many metres are this many CSS pixels long. */
export function zoomFor(lat: number, metres: number, pixels: number): number {
  return Math.log2(metresPerPixel(lat, 0) / (Math.max(metres, 1) / pixels));
}

/** How many metres one CSS pixel covers on a web-Mercator map with tiles of 512 pixels. */
export function metresPerPixel(lat: number, zoom: number): number {
  return (2 * Math.PI * EARTH_RADIUS_METRES * Math.cos(radians(lat))) / (512 * 2 ** zoom);
}
