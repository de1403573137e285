import { beforeEach, describe, expect, it } from "vitest";
import { type ConnectionState, Supervisor } from "./connection";
import { ManualClock } from "./manual-clock";

let clock: ManualClock;
let socket: { opened: number; pings: number; closed: number };
let states: ConnectionState[];
let isHidden: boolean;
let supervisor: Supervisor;

beforeEach(() => {
  clock = new ManualClock();
  socket = { opened: 0, pings: 0, closed: 0 };
  states = [];
  isHidden = false;
  supervisor = new Supervisor({
    clock,
    onState: (state) => states.push(state),
    isHidden: () => isHidden,
    socket: {
      open: () => {
        socket.opened += 1;
      },
      ping: () => {
        socket.pings += 1;
        supervisor.requestSent();
      },
      close: () => {
        socket.closed += 1;
      },
    },
  });
  supervisor.start();
});

function join(): void {
  supervisor.opened();
  supervisor.joined();
  states = [];
}

/** Everything that is asked in this time is answered at once. */
function passAnswering(ms: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    const before = socket.pings;
    clock.pass(500);
    if (socket.pings === before) continue;
    supervisor.messageReceived();
    supervisor.replyReceived();
  }
}

describe("a connection that dies", () => {
  it("by a close is detected at once, and reconnects at once", () => {
    join();
    supervisor.closed();
    expect(states).toEqual(["offline"]);
    clock.pass(50);
    expect(socket.opened).toBe(2);
  });

  it("in silence is detected within 10 s", () => {
    join();
    clock.pass(10_000);
    expect(states[0]).toBe("offline");
    expect(socket.closed).toBe(1);
  });

  it("in one direction is detected within 10 s, though messages arrive", () => {
    join();
    supervisor.requestSent();
    for (let second = 0; second < 10; second++) {
      supervisor.messageReceived();
      clock.pass(1_000);
    }
    expect(states[0]).toBe("offline");
  });

  it("in the handshake is detected within 10 s", () => {
    clock.pass(10_000);
    expect(states).toEqual(["connecting", "offline"]);
  });

  it("between handshake and join is detected", () => {
    supervisor.opened();
    clock.pass(10_000);
    expect(states.at(-1)).toBe("offline");
  });

  it("gets a longer timeout after each timeout", () => {
    clock.pass(8_000 + 50 + 11_900);
    expect([socket.opened, socket.closed]).toEqual([2, 1]);
    clock.pass(100);
    expect(socket.closed).toBe(2);
  });

  it("is reported at once on the browser's offline event, and pinged", () => {
    join();
    supervisor.networkLost();
    expect([states, socket.pings]).toEqual([["offline"], 1]);
    clock.pass(5_000);
    expect(socket.closed).toBe(1);
  });
});

describe("a connection that lives", () => {
  it("is pinged only in silence", () => {
    join();
    for (let second = 0; second < 20; second++) {
      supervisor.messageReceived();
      clock.pass(1_000);
    }
    expect(socket.pings).toBe(0);
    passAnswering(20_000);
    expect(states).toEqual([]);
    expect(socket.pings).toBeGreaterThan(2);
  });

  it("survives slow replies", () => {
    join();
    for (let time = 0; time < 20; time++) {
      clock.pass(4_500);
      supervisor.messageReceived();
      supervisor.replyReceived();
    }
    expect(socket.closed).toBe(0);
  });

  it("is pinged by a hidden page before the server closes it", () => {
    isHidden = true;
    join();
    for (let second = 0; second < 59; second++) {
      supervisor.messageReceived();
      clock.pass(1_000);
      if (socket.pings > 0) supervisor.replyReceived();
    }
    expect(socket.pings).toBe(2);
  });

  it("is pinged when the page is shown, and once more after a suspension before it counts as dead", () => {
    isHidden = true;
    join();
    isHidden = false;
    supervisor.visibilityChanged();
    expect(socket.pings).toBe(1);
    clock.sleep(60_000);
    clock.pass(0);
    expect([socket.pings, socket.closed]).toEqual([2, 0]);
  });

  it("counts as online when a message arrives although the browser reports offline", () => {
    join();
    supervisor.networkLost();
    supervisor.messageReceived();
    supervisor.replyReceived();
    expect(states).toEqual(["offline", "online"]);
  });
});

describe("a reconnect", () => {
  it("starts at once when the network is back", () => {
    join();
    supervisor.networkLost();
    clock.pass(60_000);
    const before = socket.opened;
    supervisor.networkBack();
    expect(socket.opened).toBe(before + 1);
  });

  it("starts at once when the page is shown", () => {
    join();
    for (let time = 0; time < 8; time++) {
      supervisor.closed();
      clock.pass(5_000);
    }
    supervisor.closed();
    const before = socket.opened;
    supervisor.visibilityChanged();
    expect(socket.opened).toBe(before + 1);
  });

  it("waits when the server rejects the join for now", () => {
    supervisor.opened();
    supervisor.rejected();
    clock.pass(900);
    expect(socket.opened).toBe(1);
    clock.pass(200);
    expect(socket.opened).toBe(2);
  });

  it("ends with stop", () => {
    join();
    supervisor.stop();
    supervisor.closed();
    supervisor.networkBack();
    clock.pass(60_000);
    expect([socket.opened, socket.pings, states]).toEqual([1, 0, []]);
  });
});
