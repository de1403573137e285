import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * `open`: everything passes. `slow`: each chunk is delayed. `frozen`: nothing passes, and nothing is closed. `cut`:
 * connections break, and new ones are refused. `hanging`: new connections are accepted and never answered. `portal`: a
 * captive portal answers every request. `no_websockets`: WebSocket handshakes are rejected, everything else passes.
 */
export type NetworkState = "open" | "slow" | "frozen" | "cut" | "hanging" | "portal" | "no_websockets";

const SLOW_MS = 600;
const PORTAL_PAGE = "<!doctype html><title>Welcome</title><p>Please log in to this network.";
const PORTAL = `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${PORTAL_PAGE.length}\r\nconnection: close\r\n\r\n${PORTAL_PAGE}`;

const REFUSED = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/** A proxy to the server that simulates the network failures of a phone. */
export async function unreliableNetwork(targetPort: number) {
  const pairs = new Set<Pair>();
  let state: NetworkState = "open";
  const pass = (near: Socket, head?: Buffer) => {
    const far = connect(targetPort, "127.0.0.1");
    if (head) far.write(head);
    const pair = new Pair(near, far, () => state);
    pairs.add(pair);
    near.on("close", () => pairs.delete(pair));
  };
  const passRequests = (near: Socket) =>
    near.once("data", (head) => {
      if (/^upgrade: websocket/im.test(head.toString("latin1"))) near.end(REFUSED);
      else pass(near, head);
    });
  const relay = createServer((near) => {
    near.on("error", () => {});
    if (state === "cut") return void near.destroy();
    if (state === "no_websockets") return void passRequests(near);
    if (state === "portal") return void near.once("data", () => near.end(PORTAL));
    if (state === "hanging" || state === "frozen") {
      stuck.add(near);
      return;
    }
    pass(near);
  });
  const stuck = new Set<Socket>();
  const destroyAll = () => {
    for (const pair of pairs) pair.destroy();
    for (const socket of stuck) socket.destroy();
    stuck.clear();
  };
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  return {
    url: `http://localhost:${(relay.address() as AddressInfo).port}`,
    set(next: NetworkState) {
      state = next;
      if (next === "cut" || next === "portal" || next === "hanging" || next === "no_websockets") destroyAll();
      // Stuck connections stay stuck: only a new connection works, as after a change of networks.
      if (next === "open") for (const pair of pairs) pair.flow();
    },
    async close() {
      state = "cut";
      destroyAll();
      relay.close();
      await once(relay, "close");
    },
  };
}

/** Both ends of one connection, and the data that waits between them. */
class Pair {
  private waiting: (() => void)[] = [];

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    private readonly state: () => NetworkState,
  ) {
    this.pass(near, far);
    this.pass(far, near);
  }

  private pass(from: Socket, to: Socket): void {
    from.on("data", (bytes) => this.later(() => to.write(bytes)));
    from.on("close", () => this.later(() => to.destroy()));
    // A broken pipe closes the other side as well.
    from.on("error", () => {});
  }

  private later(act: () => void): void {
    if (this.state() === "frozen" || this.waiting.length > 0) this.waiting.push(act);
    else if (this.state() === "slow") setTimeout(act, SLOW_MS);
    else act();
  }

  flow(): void {
    for (const act of this.waiting.splice(0)) act();
  }

  destroy(): void {
    this.near.destroy();
    this.far.destroy();
  }
}

/** One pixel of green. */
const TILE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPo39MPAAO4AdtlaxvwAAAAAElFTkSuQmCC",
  "base64",
);

/** A map server on another origin, with tiles and a style. It records the referrers of requests. */
export async function mapServer() {
  const referrers = new Set<string | undefined>();
  let isAway = false;
  const server = createHttpServer((request, response) => {
    referrers.add(request.headers.referer);
    if (isAway) return void response.writeHead(503, { "access-control-allow-origin": "*" }).end();
    const isStyle = request.url === "/style.json";
    const type = isStyle ? "application/json" : "image/png";
    response.writeHead(200, { "content-type": type, "access-control-allow-origin": "*" });
    response.end(isStyle ? JSON.stringify(style) : TILE);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tileUrl = `${origin}/{z}/{x}/{y}.png`;
  const style = {
    version: 8,
    sources: { green: { type: "raster", tiles: [tileUrl], tileSize: 256, attribution: "Green Maps" } },
    layers: [{ id: "green", type: "raster", source: "green" }],
  };
  return {
    tileUrl,
    styleUrl: `${origin}/style.json`,
    referrers,
    goAway(away: boolean) {
      isAway = away;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
