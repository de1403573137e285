export interface TrackPoint {
  lat: number;
  lng: number;
  altitude?: number;
  /** This device's wall clock. It is only written to this person's own file. */
  time: Date;
}

export function toGpx(name: string, track: readonly TrackPoint[]): string {
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<gpx version="1.1" creator="Tagalong" xmlns="http://www.topografix.com/GPX/1/1">`,
    `<trk><name>${escapeXml(name)}</name><trkseg>`,
    ...track.map(toTrackPoint),
    `</trkseg></trk>`,
    `</gpx>`,
    "",
  ].join("\n");
}

function toTrackPoint({ lat, lng, altitude, time }: TrackPoint): string {
  const elevation = altitude === undefined ? "" : `<ele>${altitude.toFixed(1)}</ele>`;
  return `<trkpt lat="${lat.toFixed(7)}" lon="${lng.toFixed(7)}">${elevation}<time>${time.toISOString()}</time></trkpt>`;
}

function escapeXml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  // XML 1.0 has no way at all to write control characters.
  return text.replace(/\p{Cc}/gu, " ").replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
