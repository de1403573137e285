// A network between clients and the server: it passes requests on, and does with WebSockets as it is told.
import { createServer, request } from "node:http";
import { once } from "node:events";
import { connect } from "node:net";

/** What becomes of a WebSocket's handshake: it passes, is refused, is cut, or is never answered. */
export const WEBSOCKETS = { pass: "pass", refused: "refused", dropped: "dropped", hanging: "hanging" };

export class Network {
  static async before(server) {
    const network = new Network();
    network.server = server;
    network.websockets = WEBSOCKETS.pass;
    network.lines = new Set();
    network.listener = createServer((asked, answer) => network.forward(asked, answer));
    network.listener.on("upgrade", (asked, client, head) => network.upgrade(asked, client, head));
    network.listener.listen(0, "127.0.0.1");
    await once(network.listener, "listening");
    network.port = network.listener.address().port;
    return network;
  }

  forward(asked, answer) {
    const { url: path, method, headers } = asked;
    const to = request({ host: "127.0.0.1", port: this.server.port, path, method, headers }, (from) => {
      answer.writeHead(from.statusCode, from.headers);
      from.pipe(answer);
    });
    to.on("error", () => answer.destroy());
    answer.on("close", () => to.destroy());
    asked.pipe(to);
  }

  upgrade(asked, client, head) {
    const line = [client];
    this.lines.add(line);
    const end = () => {
      for (const one of line) one.destroy();
      this.lines.delete(line);
    };
    client.on("error", end).on("close", end);
    if (this.websockets === WEBSOCKETS.dropped) return end();
    if (this.websockets === WEBSOCKETS.refused) return client.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    if (this.websockets === WEBSOCKETS.hanging) return;
    const to = connect(this.server.port, "127.0.0.1");
    line.push(to);
    to.on("error", end).on("close", end);
    const headers = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    to.write(`GET ${asked.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
    to.write(head);
    to.pipe(client);
    client.pipe(to);
  }

  /** Cuts every WebSocket that is open. */
  cut() {
    for (const line of this.lines) for (const one of line) one.destroy();
  }

  close() {
    this.cut();
    this.listener.closeAllConnections();
    this.listener.close();
  }
}
