import type { Clock } from "./clock";

/** The socket as the supervisor controls it. Its events are passed to the supervisor's methods. */
export interface SocketControl {
  /** Opens a new connection and joins. Closes the old one, if any. */
  open(): void;
  /** Sends a message that the server replies to. */
  ping(): void;
  close(): void;
}

export type ConnectionState = "connecting" | "online" | "offline";

const LIMITS = {
  /** Ping after this much silence while the page is visible. */
  pingAfterMs: 4_000,
  /** Ping interval of a hidden page: the server closes a connection after 60 s of silence. */
  keepAliveMs: 25_000,
  /** The connection is dead after this much silence since a message that needs a reply. */
  silenceTimeoutMs: 5_000,
  /** The connection is dead if a reply takes this long, even if other messages arrive: the way to the server is broken. */
  replyTimeoutMs: 9_000,
  /** For the handshake, and again for the join. Longer after each timeout, for slow networks. */
  openTimeoutMs: 8_000,
  openTimeoutStepMs: 4_000,
  openTimeoutMaxMs: 20_000,
  retriesMs: [50, 200, 500, 1_000, 2_000],
  retryMaxMs: 5_000,
  /** A timer this late means that the device was suspended: received messages have not been read yet. */
  suspendedAfterMs: 2_000,
};

interface SupervisorOptions {
  clock: Clock;
  socket: SocketControl;
  onState(state: ConnectionState): void;
  isHidden(): boolean;
  /** Keeps all clients from reconnecting at the same moment after a restart of the server. */
  jitter?(ms: number): number;
}

type Phase = "stopped" | "opening" | "joining" | "joined" | "waiting";

/** Keeps one connection open, and detects within 10 s that it is dead. */
export class Supervisor {
  private phase: Phase = "stopped";
  private tries = 0;
  private timeouts = 0;
  /** The times of the messages without a reply yet, the oldest first. */
  private pendingSince: number[] = [];
  private receivedAt = 0;
  private sentAt = 0;
  /** The browser reported `offline`, and no message has arrived since. */
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

  /** The caller reports the state "online", together with the reply to the join. */
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

  /** A message was sent that the server replies to. */
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

  /** The server rejects the join for now: no immediate retry. */
  rejected(): void {
    this.tries = Math.max(this.tries, 3);
    this.closed();
  }

  /** The browser reports `offline`. This is shown until a message arrives. */
  networkLost(): void {
    if (this.phase === "stopped") return;
    this.options.onState("offline");
    if (this.phase !== "joined") return;
    this.isReportedOffline = true;
    this.options.socket.ping();
  }

  /** The current connection belongs to the old network: a new one is faster than waiting for its timeout. */
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

  /** One timer for the earlier of the next ping and the reply timeout. */
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
