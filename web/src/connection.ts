import type { Clock } from "./clock";

/** What the supervisor drives. A reply, or anything else heard, is told back to it. */
export interface Line {
  /** Opens a new connection and joins; the old one, if there is one, is dropped. */
  open(): void;
  /** Sends something that the server answers. */
  ask(): void;
  drop(): void;
}

export type ConnectionState = "connecting" | "online" | "offline";

const LIMITS = {
  /** Nothing heard for so long while somebody looks: ask. */
  askAfterMs: 4_000,
  /** A server closes a connection that is silent for 60 s, so even a hidden page asks now and then. */
  keepAliveMs: 25_000,
  /** Nothing heard at all since a question: the connection is dead. */
  silenceMs: 5_000,
  /** A question without an answer, whatever else is heard: what this page sends does not arrive. */
  answerMs: 9_000,
  /** For the handshake, and again for the join. Longer with each try that took too long, for slow networks. */
  openMs: 8_000,
  openStepMs: 4_000,
  openMostMs: 20_000,
  retriesMs: [50, 200, 500, 1_000, 2_000],
  retryMostMs: 5_000,
  /** A timer this late means that the device was asleep: what came meanwhile has not been read yet. */
  asleepMs: 2_000,
};

interface SupervisorOptions {
  clock: Clock;
  line: Line;
  tell(state: ConnectionState): void;
  isHidden(): boolean;
  /** After a restart of the server everybody comes back; chance keeps them from coming all at once. */
  spread?(ms: number): number;
}

type Phase = "stopped" | "opening" | "joining" | "joined" | "waiting";

/** Keeps one connection open, and knows within 10 s of any way in which it can die. */
export class Supervisor {
  private phase: Phase = "stopped";
  private tries = 0;
  private timeouts = 0;
  /** When what is still unanswered was sent, the oldest first. */
  private questions: number[] = [];
  private heardAt = 0;
  private askedAt = 0;
  /** The browser says that the network is gone, and nothing has been heard since. */
  private isDoubted = false;
  private cancel = () => {};

  constructor(private readonly options: SupervisorOptions) {}

  start(): void {
    this.options.tell("connecting");
    this.open();
  }

  stop(): void {
    this.phase = "stopped";
    this.cancel();
  }

  opened(): void {
    if (this.phase !== "opening") return;
    this.phase = "joining";
    this.options.tell("connecting");
    this.limitOpening();
  }

  /** The caller tells that one is online: it knows what came with the join. */
  joined(): void {
    if (this.phase !== "opening" && this.phase !== "joining") return;
    this.phase = "joined";
    this.tries = 0;
    this.timeouts = 0;
    this.questions = [];
    this.isDoubted = false;
    this.heardAt = this.now();
    this.askedAt = this.heardAt;
    this.watch();
  }

  heard(): void {
    this.heardAt = this.now();
    if (!this.isDoubted || this.phase !== "joined") return;
    this.isDoubted = false;
    this.options.tell("online");
  }

  /** Something was sent that the server answers. */
  asked(): void {
    this.askedAt = this.now();
    this.questions.push(this.askedAt);
    if (this.phase === "joined") this.watch();
  }

  answered(): void {
    this.questions.shift();
  }

  closed(): void {
    if (this.phase !== "stopped" && this.phase !== "waiting") this.fail();
  }

  /** The server is there and does not let one in for now: it is not asked again at once. */
  refused(): void {
    this.tries = Math.max(this.tries, 3);
    this.closed();
  }

  /** The browser says that there is no network. It is believed until something is heard. */
  networkLost(): void {
    if (this.phase === "stopped") return;
    this.options.tell("offline");
    if (this.phase !== "joined") return;
    this.isDoubted = true;
    this.options.line.ask();
  }

  /** A connection from before is of the old network: a new one is open before the old one is found dead. */
  networkBack(): void {
    if (this.phase === "stopped") return;
    this.startAfresh();
  }

  visibilityChanged(): void {
    if (this.options.isHidden()) return;
    if (this.phase === "waiting") this.startAfresh();
    else if (this.phase === "joined") {
      this.questions = [];
      this.options.line.ask();
    }
  }

  private now(): number {
    return this.options.clock.now();
  }

  private after(ms: number, callback: () => void): void {
    this.cancel();
    this.cancel = this.options.clock.after(ms, callback);
  }

  private startAfresh(): void {
    this.tries = 0;
    this.timeouts = 0;
    this.open();
  }

  private open(): void {
    this.phase = "opening";
    this.questions = [];
    this.limitOpening();
    this.options.line.open();
  }

  private limitOpening(): void {
    const limit = Math.min(LIMITS.openMs + this.timeouts * LIMITS.openStepMs, LIMITS.openMostMs);
    this.after(limit, () => {
      this.timeouts += 1;
      this.fail();
    });
  }

  private fail(): void {
    const { line, tell, spread = (ms) => ms } = this.options;
    this.phase = "waiting";
    this.isDoubted = false;
    this.questions = [];
    const pause = LIMITS.retriesMs[this.tries] ?? LIMITS.retryMostMs;
    this.tries += 1;
    this.after(spread(pause), () => this.open());
    line.drop();
    tell("offline");
  }

  /** One timer for whichever comes first: the next question, or the end of the wait for an answer. */
  private watch(): void {
    const due = this.due();
    this.after(Math.max(0, due - this.now()), () => this.check(due));
  }

  private due(): number {
    const [oldest] = this.questions;
    if (oldest !== undefined) {
      return Math.min(Math.max(oldest, this.heardAt) + LIMITS.silenceMs, oldest + LIMITS.answerMs);
    }
    const keepAlive = this.askedAt + LIMITS.keepAliveMs;
    return this.options.isHidden() ? keepAlive : Math.min(keepAlive, this.heardAt + LIMITS.askAfterMs);
  }

  private check(due: number): void {
    const now = this.now();
    if (now < this.due()) this.watch();
    else if (this.questions.length === 0) this.options.line.ask();
    else if (now > due + LIMITS.asleepMs) {
      this.questions = [];
      this.options.line.ask();
    } else this.fail();
  }
}
