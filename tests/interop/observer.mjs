// Somebody on the plain protocol, who sees what clients send and sends what they should see.
import { on, once } from "node:events";
import WebSocket from "ws";

const DEADLINE_MS = 40_000;

export class Observer {
  static async in(server, session) {
    const { websocket_token: token } = await server.rest("POST", `/sessions/${session}/join`, {
      body: { display_name: "Observer" },
    });
    const observer = new Observer();
    observer.url = `ws://127.0.0.1:${server.port}/ws?token=${token}`;
    await observer.come();
    return observer;
  }

  async come() {
    this.socket = new WebSocket(this.url);
    this.frames = on(this.socket, "message", { signal: AbortSignal.timeout(2 * DEADLINE_MS) });
    await once(this.socket, "open", { signal: AbortSignal.timeout(DEADLINE_MS) });
  }

  moves(lat) {
    this.socket.send(JSON.stringify({ type: "location_update", data: { lat, lng: 2.5 } }));
  }

  /** Waits until each of these latitudes is somebody's. */
  async sees(...latitudes) {
    const missing = new Set(latitudes);
    while (missing.size > 0) {
      const { value } = await this.frames.next();
      const { type, data } = JSON.parse(value[0]);
      if (type === "location_update") missing.delete(data.lat);
    }
  }

  end() {
    this.socket.terminate();
  }
}
