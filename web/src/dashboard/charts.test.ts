import { expect, it } from "vitest";
import { rates } from "./charts";
import type { Sample } from "./server";

const sample = (second: number, received: number, timed = 0, waited = 0): Sample => ({
  at: new Date(second * 1000).toISOString(),
  connections: 0,
  rooms: 0,
  received,
  delivered: 0,
  timed,
  waited,
  memory: 0,
  processor: 0,
});

it("makes rates of totals", () => {
  expect(rates([sample(0, 0), sample(10, 50), sample(12, 60)], "received")).toEqual([5, 5]);
  expect(rates([sample(0, 7)], "received")).toEqual([]);
});

it("makes a mean of two totals", () => {
  const timed = (earlier: Sample, later: Sample) => later.timed - earlier.timed;
  const samples = [sample(0, 0), sample(10, 0, 4, 0.2), sample(20, 0, 4, 0.2)];
  expect(rates(samples, "waited", timed)).toEqual([0.05, 0]);
});

it("shows no negative rate, and none between samples of the same moment", () => {
  expect(rates([sample(0, 9), sample(1, 3), sample(1, 8)], "received")).toEqual([0, 0]);
});
