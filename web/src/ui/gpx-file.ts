import { type TrackPoint, toGpx } from "../gpx";
import { h } from "./dom";

/** Saves one's own track as a download. It is sent nowhere. */
export function saveGpx(sessionName: string | null, track: readonly TrackPoint[]): void {
  const name = sessionName ?? "Tagalong";
  const url = URL.createObjectURL(new Blob([toGpx(name, track)], { type: "application/gpx+xml" }));
  const fileName = name.replace(/[^\p{L}\p{N} _-]/gu, "").trim() || "track";
  h("a", { href: url, download: `${fileName}.gpx` }).click();
  URL.revokeObjectURL(url);
}
