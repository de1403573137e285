import { h, svg } from "../ui/dom";
import { perSecond, short, whole } from "./format";
import type { DashboardState, Sample } from "./server";
import { texts } from "./texts";

/** The totals of a sample: they only grow. */
type Total = "received" | "delivered" | "waited" | "processor";

/** The chart's width in its own units: one for each sample of the hour. */
const WIDTH = 360;
const HEIGHT = 100;
const MARGIN = 3;

export function charts({ hour, now }: DashboardState): HTMLElement[] {
  const samples = [...hour, now];
  const timed = (earlier: Sample, later: Sample) => later.timed - earlier.timed;
  return [
    chart(
      "Connections",
      samples.map(({ connections }) => connections),
      whole,
    ),
    chart(
      "Rooms",
      samples.map(({ rooms }) => rooms),
      whole,
    ),
    chart("Positions in", rates(samples, "received"), perSecond),
    chart("Positions out", rates(samples, "delivered"), perSecond),
    chart("Mean delay", rates(samples, "waited", timed), (value) => `${short(value * 1000)} ms`),
    chart(
      "Memory",
      samples.map(({ memory }) => memory),
      (value) => `${short(value / 2 ** 20)} MiB`,
    ),
    chart("CPU", rates(samples, "processor"), (value) => `${short(value * 100)} %`),
  ];
}

const seconds = (earlier: Sample, later: Sample) => (Date.parse(later.at) - Date.parse(earlier.at)) / 1000;

/** How much a total grew from each sample to the next, for each second unless said otherwise. */
export function rates(samples: readonly Sample[], total: Total, per = seconds): number[] {
  return samples.slice(1).map((later, index) => {
    const earlier = samples[index] ?? later;
    const units = per(earlier, later);
    return units > 0 ? Math.max(0, later[total] - earlier[total]) / units : 0;
  });
}

function chart(name: string, values: readonly number[], format: (value: number) => string): HTMLElement {
  return h(
    "div",
    { class: "card" },
    h("p", { class: "note" }, name),
    h("p", { class: "value" }, format(values.at(-1) ?? 0)),
    line(values),
    h("p", { class: "note" }, texts.peak(format(Math.max(...values, 0)))),
  );
}

function line(values: readonly number[]): SVGElement {
  const top = Math.max(...values, 0) || 1;
  const height = HEIGHT - 2 * MARGIN;
  const points = values.map(
    (value, index) => `${WIDTH - values.length + index},${HEIGHT - MARGIN - (value / top) * height}`,
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": true },
    svg("polyline", { points: points.join(" ") }),
  );
}
