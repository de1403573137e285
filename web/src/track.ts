import type { TrackPoint } from "./gpx";

/** About five hours at a fix every 2 s; then every second point is dropped, so that the whole way stays. */
export const MOST_POINTS = 8_000;

/** One's own way: in this page, and for a reload in what the tab keeps. */
export class Track {
  constructor(private kept: TrackPoint[] = []) {}

  get points(): readonly TrackPoint[] {
    return this.kept;
  }

  push(point: TrackPoint): void {
    this.kept.push(point);
    if (this.kept.length > MOST_POINTS) this.kept = this.kept.filter((_, place) => place % 2 === 0);
  }

  toText(): string {
    return JSON.stringify(
      this.kept.map(({ lat, lng, altitude, time }) => [
        Number(lat.toFixed(6)),
        Number(lng.toFixed(6)),
        time.getTime(),
        ...(altitude === undefined ? [] : [Math.round(altitude)]),
      ]),
    );
  }

  /** What is not a track is an empty one. */
  static fromText(text: string | null): Track {
    try {
      const rows = JSON.parse(text ?? "[]") as number[][];
      return new Track(rows.flatMap(pointFrom));
    } catch {
      return new Track();
    }
  }
}

function pointFrom([lat, lng, time, altitude]: number[]): TrackPoint[] {
  if (![lat, lng, time].every(Number.isFinite)) return [];
  const point = { lat: lat as number, lng: lng as number, time: new Date(time as number) };
  return [altitude === undefined ? point : { ...point, altitude }];
}
