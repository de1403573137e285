import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * `open`: everything passes. `slow`: each piece is late. `frozen`: nothing passes, and nothing is closed. `cut`: connections
 * break, and new ones are refused. `hanging`: new connections are taken and never answered. `portal`: every request is
 * answered with a page of somebody else's. `no_websockets`: their handshakes are refused, all else passes.
 */
export type Weather = "open" | "slow" | "frozen" | "cut" | "hanging" | "portal" | "no_websockets";

const SLOW_MS = 600;
const PORTAL_PAGE = "<!doctype html><title>Welcome</title><p>Please log in to this network.";
const PORTAL = `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${PORTAL_PAGE.length}\r\nconnection: close\r\n\r\n${PORTAL_PAGE}`;

const REFUSED = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/** A way to the server on which anything can go wrong that goes wrong on a phone. */
export async function unreliable(targetPort: number) {
  const pairs = new Set<Pair>();
  let weather: Weather = "open";
  const pass = (near: Socket, head?: Buffer) => {
    const far = connect(targetPort, "127.0.0.1");
    if (head) far.write(head);
    const pair = new Pair(near, far, () => weather);
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
    if (weather === "cut") return void near.destroy();
    if (weather === "no_websockets") return void passRequests(near);
    if (weather === "portal") return void near.once("data", () => near.end(PORTAL));
    if (weather === "hanging" || weather === "frozen") {
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
    turn(next: Weather) {
      weather = next;
      if (next === "cut" || next === "portal" || next === "hanging" || next === "no_websockets") destroyAll();
      // What was stuck stays stuck: only a new connection gets through, as on a phone that has changed networks.
      if (next === "open") for (const pair of pairs) pair.flow();
    },
    async close() {
      weather = "cut";
      destroyAll();
      relay.close();
      await once(relay, "close");
    },
  };
}

/** Both ends of one connection, and what waits between them. */
class Pair {
  private waiting: (() => void)[] = [];

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    private readonly weather: () => Weather,
  ) {
    this.pass(near, far);
    this.pass(far, near);
  }

  private pass(from: Socket, to: Socket): void {
    from.on("data", (bytes) => this.later(() => to.write(bytes)));
    from.on("close", () => this.later(() => to.destroy()));
    // A broken pipe closes the other side too, which is all there is to do about it.
    from.on("error", () => {});
  }

  private later(act: () => void): void {
    if (this.weather() === "frozen" || this.waiting.length > 0) this.waiting.push(act);
    else if (this.weather() === "slow") setTimeout(act, SLOW_MS);
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

/** A map server on another origin, with tiles and a style, which keeps what it was told of who asks. */
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
