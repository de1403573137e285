/** The part of the phoenix client that channel.ts uses; the package brings no types of its own. */
declare module "phoenix" {
  export class Push {
    receive(status: "ok" | "error" | "timeout", callback: (response: unknown) => void): this;
  }
  export class Channel {
    readonly state: "closed" | "errored" | "joined" | "joining" | "leaving";
    join(): Push;
    leave(): Push;
    on(event: string, callback: (payload: unknown) => void): number;
    onClose(callback: () => void): void;
    onError(callback: (reason: unknown) => void): number;
    push(event: string, payload: object): Push;
  }
  /** Polls in place of a WebSocket. */
  export class LongPoll {
    constructor(endPoint: string, protocols?: string[]);
  }
  export class Socket {
    constructor(
      endPoint: string,
      options: {
        authToken: string;
        heartbeatIntervalMs: number;
        reconnectAfterMs: (tries: number) => number;
        rejoinAfterMs: (tries: number) => number;
        sessionStorage: Pick<Storage, "getItem" | "setItem">;
      },
    );
    connect(): void;
    disconnect(): void;
    replaceTransport(transport: typeof WebSocket | typeof LongPoll): void;
    channel(topic: string, params: object): Channel;
    isConnected(): boolean;
    onOpen(callback: () => void): string;
    onClose(callback: () => void): string;
    onError(callback: () => void): string;
    off(callbacks: string[]): void;
    onMessage(callback: () => void): string;
    /** False when there is no connection to ask over. */
    ping(answered: () => void): boolean;
  }
}
