import { svg } from "./dom";

/** Drawn for a box of 24 by 24, as strokes. */
const PATHS = {
  invite:
    "M15 19v-1.5a3.5 3.5 0 0 0-3.5-3.5h-5A3.5 3.5 0 0 0 3 17.5V19M9 10.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5M18.5 8v6M21.5 11h-6",
  copy: "M9 9h9.5v10.5H9zM5.500 15V4.500H15",
  check: "m5 12.500 4.500 4.500L19 7.500",
  share: "M12 15V4m0 0L8 8m4-4 4 4M5 13v6h14v-6",
  menu: "M5 12h.01M12 12h.01M19 12h.01",
  close: "m6 6 12 12M18 6 6 18",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5M12 13.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3",
  locate:
    "M12 19a7 7 0 1 0 0-14 7 7 0 0 0 0 14M12 2v3m0 14v3M2 12h3m14 0h3M12 13.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3",
  chevron: "m6 15 6-6 6 6",
  forward: "m9 6 6 6-6 6",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.500v13l10.500-6.500z",
  stop: "M7 7h10v10H7z",
  arrow: "M12 3.500 18.500 20 12 16.500 5.500 20z",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12M12 14.750a2.750 2.750 0 1 0 0-5.500 2.750 2.750 0 0 0 0 5.500",
  download: "M12 4v11m0 0-4-4m4 4 4-4M5 19.500h14",
  leave: "M14 5H6v14h8M10.500 12H20m0 0-3.500-3.500M20 12l-3.500 3.500",
  alert: "M12 8v5m0 3.500h.01M12 3.500 2.500 20h19z",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 8v4l2.500 2",
  people:
    "M15.500 19v-1.500A3.500 3.500 0 0 0 12 14H6.500A3.500 3.500 0 0 0 3 17.500V19M9.250 10.500a3.250 3.250 0 1 0 0-6.500 3.250 3.250 0 0 0 0 6.500M21 19v-1.500a3.500 3.500 0 0 0-2.500-3.350M15.500 4.150a3.250 3.250 0 0 1 0 6.200",
  lock: "M6.500 11h11v9h-11zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  pocket: "M8 3h8v18H8zM11 17.500h2",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGElement {
  const path = svg("path", { d: PATHS[name] });
  return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}
