import { beforeEach, describe, expect, it } from "vitest";
import type { Fix } from "./channel";
import {
  KEEP_ALIVE_MS,
  type LocationProblem,
  paced,
  SHORTEST_PAUSE_MS,
  watchLocation,
  YOUNG_MS,
} from "./geolocation";
import { ManualClock } from "./manual-clock";

const fix = (lat: number): Fix => ({ lat, lng: 0, accuracy: 5 });

describe("the pace", () => {
  let clock: ManualClock;
  let reported: [time: number, lat: number][];
  let heard: string[];
  let pace: ReturnType<typeof paced>;
  const offer = (lat: number) => pace.offer(fix(lat), clock.now());

  beforeEach(() => {
    clock = new ManualClock();
    reported = [];
    heard = [];
    pace = paced(clock, {
      report: ({ lat }) => reported.push([clock.now(), lat]),
      confirm: () => heard.push("confirm"),
      quiet: () => heard.push("quiet"),
    });
  });

  it("reports the first fix at once", () => {
    offer(1);
    expect(reported).toEqual([[0, 1]]);
  });

  it("reports the newest of many fixes, no more often than every 2 s", () => {
    for (let step = 0; step < 50; step++) {
      offer(step);
      clock.pass(100);
    }
    expect(reported).toEqual([
      [0, 0],
      [SHORTEST_PAUSE_MS, 19],
      [2 * SHORTEST_PAUSE_MS, 39],
    ]);
  });

  it("reports a standing device every 10 s", () => {
    offer(1);
    clock.pass(2 * KEEP_ALIVE_MS);
    expect(reported).toEqual([
      [0, 1],
      [KEEP_ALIVE_MS, 1],
      [2 * KEEP_ALIVE_MS, 1],
    ]);
  });

  it("requests a new position, and repeats one only while it is young", () => {
    offer(1);
    clock.pass(9_000);
    expect(heard).toEqual([]);
    clock.pass(1_000);
    expect(heard).toEqual(["confirm"]);
    clock.pass(75_000);
    expect(reported.map(([time]) => time)).toEqual([0, 10_000, 20_000, YOUNG_MS]);
    expect(heard).toContain("quiet");
    offer(2);
    expect(reported.at(-1)).toEqual([85_000, 2]);
  });

  it("counts the age from the time of the fix", () => {
    clock.pass(60_000);
    pace.offer(fix(1), clock.now() - 25_000);
    clock.pass(KEEP_ALIVE_MS);
    expect(reported).toHaveLength(1);
    expect(heard).toEqual(["confirm", "quiet"]);
  });

  it("reports nothing after forget, until there is a new fix", () => {
    offer(1);
    offer(2);
    pace.forget();
    clock.pass(60_000);
    pace.resend();
    expect(reported).toHaveLength(1);
    offer(3);
    expect(reported[1]).toEqual([60_000, 3]);
  });

  it("does not repeat a position from before a suspension", () => {
    offer(1);
    clock.sleep(60_000);
    clock.pass(60_000);
    pace.resend();
    expect(reported).toEqual([[0, 1]]);
  });

  it("reports again on resend, and counts the time from there", () => {
    offer(1);
    clock.pass(500);
    pace.resend();
    clock.pass(KEEP_ALIVE_MS);
    expect(reported.map(([time]) => time)).toEqual([0, 500, 500 + KEEP_ALIVE_MS]);
  });
});

/** A browser's geolocation in the test's hands. */
class HandGeolocation {
  isWatched = false;
  private succeed: PositionCallback = () => {};
  private fail: PositionErrorCallback = () => {};

  getCurrentPosition(succeed: PositionCallback): void {
    if (!this.answers) return;
    const position = { coords: this.answers, timestamp: this.answeredAt } as GeolocationPosition;
    succeed(position);
    // As Chromium does.
    this.succeed(position);
  }

  answeredAt = 0;
  /** What it says when it is asked. */
  answers: Partial<GeolocationCoordinates> | null = null;

  watchPosition(succeed: PositionCallback, fail: PositionErrorCallback): number {
    this.isWatched = true;
    this.succeed = succeed;
    this.fail = fail;
    return 1;
  }

  clearWatch(): void {
    this.isWatched = false;
  }

  moveTo(coords: Partial<GeolocationCoordinates>, timestamp = 0): void {
    this.succeed({ coords, timestamp } as GeolocationPosition);
  }

  break(code: number): void {
    this.fail({ code, PERMISSION_DENIED: 1 } as GeolocationPositionError);
  }
}

describe("watching", () => {
  function watch(overrides: { isSecure?: boolean; geolocation?: undefined } = {}) {
    const clock = new ManualClock();
    const source = new HandGeolocation();
    const fixes: Fix[] = [];
    const problems: LocationProblem[] = [];
    const watching = watchLocation({
      clock,
      geolocation: source as unknown as Geolocation,
      isSecure: true,
      onFix: (found) => fixes.push(found),
      onProblem: (problem) => problems.push(problem),
      ...overrides,
    });
    return { clock, source, fixes, problems, watching };
  }

  it("passes known values on and leaves unknown ones out", () => {
    const { source, fixes } = watch();
    source.moveTo({ latitude: 1, longitude: 2, accuracy: 3, heading: Number.NaN, speed: null, altitude: 4 });
    expect(fixes).toEqual([{ lat: 1, lng: 2, accuracy: 3, altitude: 4 }]);
  });

  it("leaves out a speed and a heading of -1, which mean that they are unknown", () => {
    const { source, fixes } = watch();
    source.moveTo({ latitude: 1, longitude: 2, accuracy: 3, heading: -1, speed: -1 });
    expect(fixes).toEqual([{ lat: 1, lng: 2, accuracy: 3 }]);
  });

  it("keeps reporting a standing device only while the device confirms it", () => {
    const { source, fixes, problems, clock } = watch();
    source.answers = { latitude: 1, longitude: 2, accuracy: 3 };
    source.answeredAt = Date.now();
    source.moveTo(source.answers, source.answeredAt);
    clock.pass(120_000);
    expect([fixes.length > 11, problems]).toEqual([true, []]);
    source.answers = null;
    clock.pass(60_000);
    expect(problems).toContain("quiet");
  });

  it("ignores an old answer of a receiver that reports every second", () => {
    const { source, problems, clock } = watch();
    for (let second = 0; second < 5; second++) {
      source.moveTo({ latitude: 1 + second / 1e5, longitude: 2, accuracy: 3 }, Date.now());
      clock.pass(1_000);
    }
    source.answers = { latitude: 1, longitude: 2, accuracy: 3 };
    source.answeredAt = Date.now() - 60_000;
    clock.pass(60_000);
    expect(problems).toContain("quiet");
  });

  it("distinguishes a denied permission from missing GPS", () => {
    const { source, problems } = watch();
    source.break(2);
    source.break(3);
    source.break(1);
    expect(problems).toEqual(["no_gps", "no_gps", "denied"]);
  });

  it("does not repeat a position after GPS is lost", () => {
    const { source, fixes, clock } = watch();
    source.moveTo({ latitude: 1, longitude: 2, accuracy: 3 });
    source.break(2);
    clock.pass(60_000);
    expect(fixes).toHaveLength(1);
  });

  it("reports an insecure or unsupported browser before any request", () => {
    expect(watch({ isSecure: false }).problems).toEqual(["insecure"]);
    expect(watch({ geolocation: undefined }).problems).toEqual(["unsupported"]);
  });

  it("stops", () => {
    const { source, fixes, clock, watching } = watch();
    source.moveTo({ latitude: 1, longitude: 2, accuracy: 3 });
    watching.stop();
    clock.pass(60_000);
    expect([source.isWatched, fixes.length]).toEqual([false, 1]);
  });
});
