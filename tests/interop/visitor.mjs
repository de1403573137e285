// Somebody in a session, through a client with Phoenix's API. Runs in Node and in browsers.

/** Longer than anything takes here, on a machine with much to do. */
const DEADLINE_MS = 40_000;

export class Visitor {
  constructor(Socket, url, { token, topic, ...options }) {
    this.joins = 0;
    this.heard = [];
    this.waiting = new Set();
    const soon = { reconnectAfterMs: () => 200, rejoinAfterMs: () => 200 };
    this.socket = new Socket(url, { params: { token }, ...soon, ...options });
    this.socket.onError(() => {});
    this.socket.connect();
    this.topic = topic;
    this.join();
  }

  /** Joins through a channel of its own; what only an older channel hears counts no more. */
  join() {
    const channel = this.socket.channel(this.topic, {});
    channel.on("location_update", ({ data }) => {
      if (channel !== this.channel) return;
      this.heard.push(data.lat);
      this.changed();
    });
    channel.join().receive("ok", () => {
      this.joins += 1;
      this.changed();
    });
    this.channel = channel;
  }

  changed() {
    for (const look of this.waiting) look();
  }

  until(what, fits) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!fits()) return;
        clearTimeout(late);
        this.waiting.delete(look);
        resolve();
      };
      const late = setTimeout(() => reject(new Error(`${what}: ${this.joins} joins, heard ${this.heard}`)), DEADLINE_MS);
      this.waiting.add(look);
      look();
    });
  }

  joined(times = 1) {
    return this.until(`joined ${times} times`, () => this.joins >= times);
  }

  hears(lat) {
    return this.until(`hears ${lat}`, () => this.heard.includes(lat));
  }

  push(lat) {
    return new Promise((resolve, reject) => {
      const sent = this.channel.push("location_update", { lat, lng: 2.5 }, DEADLINE_MS);
      sent.receive("ok", () => resolve()).receive("error", reject).receive("timeout", () => reject(new Error("timeout")));
    });
  }

  leave() {
    return new Promise((resolve) => this.channel.leave(DEADLINE_MS).receive("ok", () => resolve()));
  }

  uses(WebSocket) {
    return this.socket.transport === WebSocket ? "WebSocket" : "long poll";
  }

  end() {
    this.socket.disconnect();
    // Old versions keep their heartbeat's timer, and the process would never end.
    clearInterval(this.socket.heartbeatTimer);
  }
}
