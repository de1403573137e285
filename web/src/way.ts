import type { Clock } from "./clock";

export type Transport = "websocket" | "polls";

/** So often a page that polls tries whether a WebSocket gets through by now. */
const LOOK_AGAIN_MS = 60_000;
/** Where a WebSocket got through before, polls are tried only after so many failures: the server may be away. */
const FAILURES_WHERE_IT_WORKED = 4;

interface WayOptions {
  clock: Clock;
  /** Tries whether a WebSocket gets through, beside the connection that there is. The returned function calls it off. */
  probe(answer: (getsThrough: boolean) => void): () => void;
  /** A WebSocket gets through: the connection is to be opened anew. */
  openAnew(): void;
  tell(isPolling: boolean): void;
}

/** Chooses between WebSockets and polls: some networks let no WebSocket through. */
export class Way {
  private transport: Transport = "websocket";
  private failures = 0;
  private hasWorked = false;
  private callOff = () => {};

  constructor(private readonly options: WayOptions) {}

  /** The transport for the next try. Once WebSockets fail, every other one goes by polls. */
  next(): Transport {
    this.callOff();
    const patience = this.hasWorked ? FAILURES_WHERE_IT_WORKED : 1;
    const beyond = this.failures - patience;
    this.transport = beyond >= 0 && beyond % 2 === 0 ? "polls" : "websocket";
    this.failures += 1;
    return this.transport;
  }

  joined(): void {
    this.callOff();
    this.hasWorked = this.transport === "websocket";
    this.failures = this.hasWorked ? 0 : 1;
    // That it polls is said only once it is known that it has to.
    if (this.hasWorked) this.options.tell(false);
    else this.look();
  }

  /** Another network, of which nothing is known. */
  networkChanged(): void {
    this.hasWorked = false;
    this.failures = 0;
  }

  stop(): void {
    this.callOff();
  }

  private look(): void {
    const { clock, probe, openAnew, tell } = this.options;
    this.callOff = probe((getsThrough) => {
      if (getsThrough) {
        this.failures = 0;
        return openAnew();
      }
      tell(true);
      this.callOff = clock.after(LOOK_AGAIN_MS, () => this.look());
    });
  }
}
