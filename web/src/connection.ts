import type { Clock } from "./clock";

/** What the supervisor drives. A reply, or anything else heard, is told back to it. */
export interface SocketControl {
  /** Opens a new connection and joins; the old one, if there is one, is dropped. */
  open(): void;
  /** Sends something that the server answers. */
  ping(): void;
  close(): void;
}

export type ConnectionState = "connecting" | "online" | "offline";

const LIMITS = {
  /** Nothing heard for so long while somebody looks: ask. */
  pingAfterMs: 4_000,
  /** A server closes a connection that is silent for 60 s, so even a hidden page asks now and then. */
  keepAliveMs: 25_000,
  /** Nothing heard at all since a question: the connection is dead. */
  silenceTimeoutMs: 5_000,
  /** A question without an answer, whatever else is heard: what this page sends does not arrive. */
  replyTimeoutMs: 9_000,
  /** For the handshake, and again for the join. Longer with each try that took too long, for slow networks. */
  openTimeoutMs: 8_000,
  openTimeoutStepMs: 4_000,
  openTimeoutMaxMs: 20_000,
  retriesMs: [50, 200, 500, 1_000, 2_000],
  retryMaxMs: 5_000,
  /** A timer this late means that the device was asleep: what came meanwhile has not been read yet. */
  suspendedAfterMs: 2_000,
};

interface SupervisorOptions {
  clock: Clock;
  socket: SocketControl;
  onState(state: ConnectionState): void;
  isHidden(): boolean;
  /** After a restart of the server everybody comes back; chance keeps them from coming all at once. */
  jitter?(ms: number): number;
}

type Phase = "stopped" | "opening" | "joining" | "joined" | "waiting";

/** Keeps one connection open, and knows within 10 s of any way in which it can die. */
export class Supervisor {
  private phase: Phase = "stopped";
  private tries = 0;
  private timeouts = 0;
  /** When what is still unanswered was sent, the oldest first. */
  private pendingSince: number[] = [];
  private receivedAt = 0;
  private sentAt = 0;
  /** The browser says that the network is gone, and nothing has been heard since. */
  private isReportedOffline = false;
  private cancel = () => {};

  constructor(private readonly options: SupervisorOptions) {}

  start(): void {
    this.options.onState("connecting");
    this.open();
  }

  stop(): void {
    this.phase = "stopped";
    this.cancel();
  }

  opened(): void {
    if (this.phase !== "opening") return;
    this.phase = "joining";
    this.options.onState("connecting");
    this.startOpenTimeout();
  }

  /** The caller tells that one is online: it knows what came with the join. */
  joined(): void {
    if (this.phase !== "opening" && this.phase !== "joining") return;
    this.phase = "joined";
    this.tries = 0;
    this.timeouts = 0;
    this.pendingSince = [];
    this.isReportedOffline = false;
    this.receivedAt = this.now();
    this.sentAt = this.receivedAt;
    this.scheduleCheck();
  }

  messageReceived(): void {
    this.receivedAt = this.now();
    if (!this.isReportedOffline || this.phase !== "joined") return;
    this.isReportedOffline = false;
    this.options.onState("online");
  }

  /** Something was sent that the server answers. */
  requestSent(): void {
    this.sentAt = this.now();
    this.pendingSince.push(this.sentAt);
    if (this.phase === "joined") this.scheduleCheck();
  }

  replyReceived(): void {
    this.pendingSince.shift();
  }

  closed(): void {
    if (this.phase !== "stopped" && this.phase !== "waiting") this.fail();
  }

  /** The server is there and does not let one in for now: it is not asked again at once. */
  rejected(): void {
    this.tries = Math.max(this.tries, 3);
    this.closed();
  }

  /** The browser says that there is no network. It is believed until something is heard. */
  networkLost(): void {
    if (this.phase === "stopped") return;
    this.options.onState("offline");
    if (this.phase !== "joined") return;
    this.isReportedOffline = true;
    this.options.socket.ping();
  }

  /** A connection from before is of the old network: a new one is open before the old one is found dead. */
  networkBack(): void {
    if (this.phase === "stopped") return;
    this.reconnectNow();
  }

  visibilityChanged(): void {
    if (this.options.isHidden()) return;
    if (this.phase === "waiting") this.reconnectNow();
    else if (this.phase === "joined") {
      this.pendingSince = [];
      this.options.socket.ping();
    }
  }

  private now(): number {
    return this.options.clock.now();
  }

  private after(ms: number, callback: () => void): void {
    this.cancel();
    this.cancel = this.options.clock.after(ms, callback);
  }

  private reconnectNow(): void {
    this.tries = 0;
    this.timeouts = 0;
    this.open();
  }

  private open(): void {
    this.phase = "opening";
    this.pendingSince = [];
    this.startOpenTimeout();
    this.options.socket.open();
  }

  private startOpenTimeout(): void {
    const limit = Math.min(
      LIMITS.openTimeoutMs + this.timeouts * LIMITS.openTimeoutStepMs,
      LIMITS.openTimeoutMaxMs,
    );
    this.after(limit, () => {
      this.timeouts += 1;
      this.fail();
    });
  }

  private fail(): void {
    const { socket, onState, jitter = (ms) => ms } = this.options;
    this.phase = "waiting";
    this.isReportedOffline = false;
    this.pendingSince = [];
    const pause = LIMITS.retriesMs[this.tries] ?? LIMITS.retryMaxMs;
    this.tries += 1;
    this.after(jitter(pause), () => this.open());
    socket.close();
    onState("offline");
  }

  /** One timer for whichever comes first: the next question, or the end of the wait for an answer. */
  private scheduleCheck(): void {
    const due = this.due();
    this.after(Math.max(0, due - this.now()), () => this.check(due));
  }

  private due(): number {
    const [oldest] = this.pendingSince;
    if (oldest !== undefined) {
      return Math.min(
        Math.max(oldest, this.receivedAt) + LIMITS.silenceTimeoutMs,
        oldest + LIMITS.replyTimeoutMs,
      );
    }
    const keepAlive = this.sentAt + LIMITS.keepAliveMs;
    return this.options.isHidden() ? keepAlive : Math.min(keepAlive, this.receivedAt + LIMITS.pingAfterMs);
  }

  private check(due: number): void {
    const now = this.now();
    if (now < this.due()) this.scheduleCheck();
    else if (this.pendingSince.length === 0) this.options.socket.ping();
    else if (now > due + LIMITS.suspendedAfterMs) {
      this.pendingSince = [];
      this.options.socket.ping();
    } else this.fail();
  }
}
