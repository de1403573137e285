import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "./manual-clock";
import { TransportSelector } from "./transport";

let clock: ManualClock;
let selector: TransportSelector;
let reported: boolean[];
let probes: ((succeeded: boolean) => void)[];
let opened: number;

beforeEach(() => {
  clock = new ManualClock();
  reported = [];
  probes = [];
  opened = 0;
  selector = new TransportSelector({
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

const tries = (count: number) => Array.from({ length: count }, () => selector.next());
const answer = (succeeded: boolean) => probes.shift()?.(succeeded);

describe("the transport", () => {
  it("alternates between long polling and WebSocket after the first failure", () => {
    expect(tries(5)).toEqual(["websocket", "longpoll", "websocket", "longpoll", "websocket"]);
  });

  it("stays WebSocket for some failures where it worked before: the server may be down", () => {
    selector.next();
    selector.joined();
    expect(tries(6)).toEqual(["websocket", "websocket", "websocket", "websocket", "longpoll", "websocket"]);
    selector.networkChanged();
    expect(tries(2)).toEqual(["websocket", "longpoll"]);
  });

  it("is reported as long polling only after a failed probe, and probed each minute", () => {
    tries(2);
    selector.joined();
    expect(reported).toEqual([]);
    answer(false);
    expect(reported).toEqual([true]);
    clock.pass(59_000);
    expect(probes).toHaveLength(0);
    clock.pass(1_000);
    answer(true);
    expect(opened).toBe(1);
    expect(selector.next()).toBe("websocket");
    selector.joined();
    expect(reported).toEqual([true, false]);
    clock.pass(120_000);
    expect(probes).toHaveLength(0);
  });

  it("is long polling at once after it was long polling before", () => {
    tries(2);
    selector.joined();
    expect(tries(2)).toEqual(["longpoll", "websocket"]);
  });

  it("is not probed after stop", () => {
    tries(2);
    selector.joined();
    selector.stop();
    expect(probes).toHaveLength(0);
  });
});
