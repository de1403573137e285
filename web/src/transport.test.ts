import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "./manual-clock";
import { TransportSelector } from "./transport";

let clock: ManualClock;
let way: TransportSelector;
let reported: boolean[];
let probes: ((succeeded: boolean) => void)[];
let opened: number;

beforeEach(() => {
  clock = new ManualClock();
  reported = [];
  probes = [];
  opened = 0;
  way = new TransportSelector({
    clock,
    probe: (answer) => {
      probes.push(answer);
      return () => {
        probes = probes.filter((one) => one !== answer);
      };
    },
    reconnect: () => {
      opened += 1;
    },
    onPolling: (isPolling) => reported.push(isPolling),
  });
});

const tries = (count: number) => Array.from({ length: count }, () => way.next());
const answer = (succeeded: boolean) => probes.shift()?.(succeeded);

describe("the way to the server", () => {
  it("is by polls as soon as a first WebSocket fails, and by WebSockets in between", () => {
    expect(tries(5)).toEqual(["websocket", "longpoll", "websocket", "longpoll", "websocket"]);
  });

  it("stays with WebSockets for a while where they got through: the server may be away", () => {
    way.next();
    way.joined();
    expect(tries(6)).toEqual(["websocket", "websocket", "websocket", "websocket", "longpoll", "websocket"]);
    way.networkChanged();
    expect(tries(2)).toEqual(["websocket", "longpoll"]);
  });

  it("is called slow only when a second WebSocket has failed, and is looked at each minute", () => {
    tries(2);
    way.joined();
    expect(reported).toEqual([]);
    answer(false);
    expect(reported).toEqual([true]);
    clock.pass(59_000);
    expect(probes).toHaveLength(0);
    clock.pass(1_000);
    answer(true);
    expect(opened).toBe(1);
    expect(way.next()).toBe("websocket");
    way.joined();
    expect(reported).toEqual([true, false]);
    clock.pass(120_000);
    expect(probes).toHaveLength(0);
  });

  it("is by polls at once when the server was away", () => {
    tries(2);
    way.joined();
    expect(tries(2)).toEqual(["longpoll", "websocket"]);
  });

  it("is not looked at once it is over", () => {
    tries(2);
    way.joined();
    way.stop();
    expect(probes).toHaveLength(0);
  });
});
