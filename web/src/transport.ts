import type { Clock } from "./clock";

export type Transport = "websocket" | "longpoll";

/** How often a page on long polling probes for WebSockets. */
const PROBE_AGAIN_MS = 60_000;
/** Where a WebSocket worked before, long polling is tried only after this many failures: the server may be down. */
const FAILURES_WHERE_IT_WORKED = 4;

interface TransportSelectorOptions {
  clock: Clock;
  /** Tries a WebSocket beside the current connection. The returned function cancels it. */
  probe(answer: (succeeded: boolean) => void): () => void;
  /** WebSockets work again: reconnect with one. */
  reconnect(): void;
  onPolling(isPolling: boolean): void;
}

/** Chooses between WebSocket and long polling: some networks block WebSockets. */
export class TransportSelector {
  private transport: Transport = "websocket";
  private failures = 0;
  private hasWorked = false;
  private cancel = () => {};

  constructor(private readonly options: TransportSelectorOptions) {}

  /** The transport for the next attempt. Once WebSockets fail, every other attempt uses long polling. */
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
    // Long polling is reported only once a probe has failed.
    if (this.hasWorked) this.options.onPolling(false);
    else this.startProbe();
  }

  /** Nothing is known of the new network. */
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
