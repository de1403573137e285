import { expect, it } from "vitest";
import { elapsedTime } from "./clock";

function clocks() {
  const time = { wall: 5_000, steady: 0 };
  const now = elapsedTime(
    () => time.wall,
    () => time.steady,
  );
  const start = now();
  return {
    pass(wall: number, steady: number) {
      time.wall += wall;
      time.steady += steady;
      return now() - start;
    },
  };
}

it("counts the time of a sleep, when the monotonic clock stood still", () => {
  expect(clocks().pass(60_000, 10)).toBe(60_000);
});

it("goes on when the wall clock is set back", () => {
  expect(clocks().pass(-3_600_000, 1_000)).toBe(1_000);
});

it("never goes backwards", () => {
  const { pass } = clocks();
  expect([pass(10, 10), pass(-10, 0), pass(5, 5)]).toEqual([10, 10, 15]);
});
