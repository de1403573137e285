import type { TrackPoint } from "./gpx";

/** About five hours at one fix every 2 s. Then every second point is dropped, so that the whole track stays. */
export const MOST_POINTS = 8_000;

/** One's own track: in this page, and in `sessionStorage` for a reload. */
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

  /** An invalid text is an empty track. */
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
