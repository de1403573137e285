import { beforeEach, describe, expect, it } from "vitest";
import { HandClock } from "./hand-clock";
import { Way } from "./way";

let clock: HandClock;
let way: Way;
let told: boolean[];
let probes: ((getsThrough: boolean) => void)[];
let opened: number;

beforeEach(() => {
  clock = new HandClock();
  told = [];
  probes = [];
  opened = 0;
  way = new Way({
    clock,
    probe: (answer) => {
      probes.push(answer);
      return () => {
        probes = probes.filter((one) => one !== answer);
      };
    },
    openAnew: () => {
      opened += 1;
    },
    tell: (isPolling) => told.push(isPolling),
  });
});

const tries = (count: number) => Array.from({ length: count }, () => way.next());
const answer = (getsThrough: boolean) => probes.shift()?.(getsThrough);

describe("the way to the server", () => {
  it("is by polls as soon as a first WebSocket fails, and by WebSockets in between", () => {
    expect(tries(5)).toEqual(["websocket", "polls", "websocket", "polls", "websocket"]);
  });

  it("stays with WebSockets for a while where they got through: the server may be away", () => {
    way.next();
    way.joined();
    expect(tries(6)).toEqual(["websocket", "websocket", "websocket", "websocket", "polls", "websocket"]);
    way.networkChanged();
    expect(tries(2)).toEqual(["websocket", "polls"]);
  });

  it("is called slow only when a second WebSocket has failed, and is looked at each minute", () => {
    tries(2);
    way.joined();
    expect(told).toEqual([]);
    answer(false);
    expect(told).toEqual([true]);
    clock.pass(59_000);
    expect(probes).toHaveLength(0);
    clock.pass(1_000);
    answer(true);
    expect(opened).toBe(1);
    expect(way.next()).toBe("websocket");
    way.joined();
    expect(told).toEqual([true, false]);
    clock.pass(120_000);
    expect(probes).toHaveLength(0);
  });

  it("is by polls at once when the server was away", () => {
    tries(2);
    way.joined();
    expect(tries(2)).toEqual(["polls", "websocket"]);
  });

  it("is not looked at once it is over", () => {
    tries(2);
    way.joined();
    way.stop();
    expect(probes).toHaveLength(0);
  });
});
