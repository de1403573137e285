import { svg } from "./dom";

const PEOPLE = [
  { x: 108, y: 148, letter: "A", color: "#1D4ED8" },
  { x: 214, y: 92, letter: "M", color: "#A21CAF" },
  { x: 322, y: 128, letter: "J", color: "#C2410C" },
];

/** Decoration: a piece of map with three people on routes to one place. */
export function scenery(): SVGElement {
  return svg(
    "svg",
    {
      class: "scenery",
      viewBox: "0 0 400 240",
      preserveAspectRatio: "xMidYMid meet",
      "aria-hidden": "true",
    },
    svg("rect", { x: -600, y: -600, width: 1600, height: 1600, class: "scenery-land" }),
    svg("path", {
      class: "scenery-sea",
      d: "M-600 900V196C-300 150-120 226-20 206 60 190 110 232 176 226c58-5 66-44 126-40 50 4 60 40 128 22 120-32 260-8 570-40v732z",
    }),
    svg("g", { class: "scenery-grid" }, ...gridLines()),
    svg("path", { class: "scenery-way", d: "M108 148C140 96 176 116 214 92S286 60 262 34" }),
    svg("path", { class: "scenery-way", d: "M322 128C330 84 296 70 262 34" }),
    svg("circle", { class: "scenery-goal-ring", cx: 262, cy: 34, r: 11 }),
    svg("circle", { class: "scenery-goal", cx: 262, cy: 34, r: 5 }),
    ...PEOPLE.map(({ x, y, letter, color }) =>
      svg(
        "g",
        { transform: `translate(${x} ${y})` },
        svg("circle", { class: "scenery-halo", r: 30, fill: color }),
        svg("circle", { r: 17, fill: color, stroke: "#fff", "stroke-width": 3 }),
        svg("text", { class: "scenery-letter", y: 5 }, letter),
      ),
    ),
  );
}

function gridLines(): SVGElement[] {
  const places = Array.from({ length: 34 }, (_, index) => -600 + index * 48);
  return places.flatMap((place) => [
    svg("path", { d: `M${place} -600V1000` }),
    svg("path", { d: `M-600 ${place}H1000` }),
  ]);
}
