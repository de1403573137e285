import { expect, it } from "vitest";
import { toGpx } from "./gpx";

it("writes a track that other programs read", () => {
  const gpx = toGpx("Ride", [
    { lat: 48.1, lng: 11.5, altitude: 520.26, time: new Date("2030-01-01T12:00:00Z") },
    { lat: -1, lng: 2, time: new Date("2030-01-01T12:00:02Z") },
  ]);
  expect(gpx).toContain(
    '<trkpt lat="48.1000000" lon="11.5000000"><ele>520.3</ele><time>2030-01-01T12:00:00.000Z</time></trkpt>',
  );
  expect(gpx).toContain('<trkpt lat="-1.0000000" lon="2.0000000"><time>');
});

it("escapes the name", () => {
  expect(toGpx(`<a> & "b"\u0001`, [])).toContain("<name>&lt;a&gt; &amp; &quot;b&quot; </name>");
});
