import type { Clock } from "./clock";

export type Transport = "websocket" | "longpoll";

/** So often a page that polls tries whether a WebSocket gets through by now. */
const PROBE_AGAIN_MS = 60_000;
/** Where a WebSocket got through before, polls are tried only after so many failures: the server may be away. */
const FAILURES_WHERE_IT_WORKED = 4;

interface TransportSelectorOptions {
  clock: Clock;
  /** Tries whether a WebSocket gets through, beside the connection that there is. The returned function calls it off. */
  probe(answer: (succeeded: boolean) => void): () => void;
  /** A WebSocket gets through: the connection is to be opened anew. */
  reconnect(): void;
  onPolling(isPolling: boolean): void;
}

/** Chooses between WebSockets and polls: some networks let no WebSocket through. */
export class TransportSelector {
  private transport: Transport = "websocket";
  private failures = 0;
  private hasWorked = false;
  private cancel = () => {};

  constructor(private readonly options: TransportSelectorOptions) {}

  /** The transport for the next try. Once WebSockets fail, every other one goes by polls. */
  next(): Transport {
    this.cancel();
    const failuresAllowed = this.hasWorked ? FAILURES_WHERE_IT_WORKED : 1;
    const beyond = this.failures - failuresAllowed;
    this.transport = beyond >= 0 && beyond % 2 === 0 ? "longpoll" : "websocket";
    this.failures += 1;
    return this.transport;
  }

  joined(): void {
    this.cancel();
    this.hasWorked = this.transport === "websocket";
    this.failures = this.hasWorked ? 0 : 1;
    // That it polls is said only once it is known that it has to.
    if (this.hasWorked) this.options.onPolling(false);
    else this.startProbe();
  }

  /** Another network, of which nothing is known. */
  networkChanged(): void {
    this.hasWorked = false;
    this.failures = 0;
  }

  stop(): void {
    this.cancel();
  }

  private startProbe(): void {
    const { clock, probe, reconnect, onPolling } = this.options;
    this.cancel = probe((succeeded) => {
      if (succeeded) {
        this.failures = 0;
        return reconnect();
      }
      onPolling(true);
      this.cancel = clock.after(PROBE_AGAIN_MS, () => this.startProbe());
    });
  }
}
