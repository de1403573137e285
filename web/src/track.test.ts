import { expect, it } from "vitest";
import { MOST_POINTS, Track } from "./track";

const point = (step: number) => ({ lat: 48 + step / 1e5, lng: 11, time: new Date(1e12 + step * 2_000) });

it("is the same after a reload", () => {
  const track = new Track();
  track.push(point(0));
  track.push({ ...point(1), altitude: 520 });
  expect(Track.fromText(track.toText()).points).toEqual(track.points);
});

it("keeps the whole track in bounded memory", () => {
  const track = new Track();
  for (let step = 0; step < 3 * MOST_POINTS; step++) track.push(point(step));
  expect(track.points.length).toBeLessThanOrEqual(MOST_POINTS);
  expect(track.points[0]).toEqual(point(0));
  expect(track.points.at(-1)?.lat).toBeCloseTo(point(3 * MOST_POINTS).lat, 3);
});

it.each([null, "", "nonsense", "{}", "[[1],[null,2,3]]"])("is empty where %j was stored", (text) => {
  expect(Track.fromText(text).points).toEqual([]);
});
