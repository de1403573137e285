import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to the server that can be cut: connections break, and new ones are refused. */
export async function cuttable(targetPort: number) {
  const sockets = new Set<Socket>();
  let isCut = false;
  const relay = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(targetPort, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      // A broken pipe closes the other side too, which is all there is to do about it.
      socket.on("error", () => {});
    }
    near.pipe(far).on("close", () => near.destroy());
    far.pipe(near).on("close", () => far.destroy());
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://localhost:${(relay.address() as AddressInfo).port}`,
    cut,
    restore() {
      isCut = false;
    },
    async close() {
      cut();
      relay.close();
      await once(relay, "close");
    },
  };
}

/** One pixel of green. */
const TILE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkqPpfDwAEAAH/qGRPfgAAAABJRU5ErkJggg==",
  "base64",
);

/** A map server on another origin, with tiles and a style, which keeps what it was told of who asks. */
export async function mapServer() {
  const referrers = new Set<string | undefined>();
  const server = createHttpServer((request, response) => {
    referrers.add(request.headers.referer);
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
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
