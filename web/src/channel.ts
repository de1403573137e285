import { type Channel, LongPoll, type Push, Socket } from "phoenix";
import type { Clock } from "./clock";
import { type ConnectionState, Supervisor } from "./connection";
import { TransportSelector } from "./transport";

export type Status = "sharing" | "paused" | "hidden" | "no_gps" | "stopped";

/** A position as the device reports it. */
export interface Fix {
  lat: number;
  lng: number;
  /** Not every device reports the following values. */
  accuracy?: number;
  heading?: number;
  speed?: number;
  altitude?: number;
  battery?: number;
}

export interface WireParticipant {
  user_id: string;
  display_name: string;
  avatar_color: string;
  status?: Status | null;
  last_position_at?: string | null;
}

/** A fix as the server sends it: unknown values are missing or null. */
export type WireFix = { lat: number; lng: number } & { [Fact in keyof Fix]?: Fix[Fact] | null };

export type WireLocation = WireFix & { user_id: string };

/** The connected people by user id. The server sends one entry for each person, so only the keys matter. */
export type WirePresences = Record<string, object>;

export type ChannelEvent =
  | {
      type: "joined";
      expires_at: string;
      server_time: string;
      location_ttl_seconds: number;
    }
  | {
      type: "initial_participants";
      participants: WireParticipant[];
      /** Older servers do not send it. */
      watcher_count?: number;
      server_time: string;
    }
  | { type: "initial_locations"; locations: (WireLocation & { age_ms: number })[] }
  | { type: "presence_state"; presences: WirePresences }
  | { type: "presence_diff"; joins: WirePresences; leaves: WirePresences }
  | { type: "location_update"; data: WireLocation }
  | { type: "participant_joined"; data: WireParticipant }
  | { type: "participant_left"; data: { user_id: string } }
  | { type: "participant_status"; data: { user_id: string; status: Status } }
  | {
      type: "session_updated";
      data: { name: string | null; expires_at: string; locked: boolean; server_time: string };
    }
  | { type: "presence_watchers"; data: { count: number } }
  | { type: "dismissed"; data: { reason: string } }
  | { type: "session_ended"; data: { reason: string } }
  | { type: "refused"; reason: string }
  | { type: "connection"; state: ConnectionState }
  /** Whether this network blocks WebSockets, so that the page uses long polling. */
  | { type: "polling"; isPolling: boolean }
  /** Whether the server accepted the newest position of this page. */
  | { type: "position_answered"; isTaken: boolean };

export interface LiveChannel {
  /** False while there is no connection. Nothing is queued: it would be outdated later. */
  sendLocation(fix: Fix): boolean;
  sendStatus(status: Status): boolean;
  close(): void;
}

const FINAL_REFUSALS = new Set([
  "unauthenticated",
  "unauthorized",
  "session_not_found",
  "session_ended",
  "session_expired",
  "session_full",
]);

/** Also the reason of `dismissed`: the token was issued before the watchers were removed. */
export const WATCHING_REVOKED = "watching_revoked";

const BROADCASTS = [
  "location_update",
  "participant_joined",
  "participant_left",
  "participant_status",
  "session_updated",
  "presence_watchers",
  "dismissed",
  "session_ended",
] as const;

/** Switches off the client's own timers: the supervisor decides when to ping and when to reconnect. */
const NEVER_MS = 2 ** 31 - 1;
/** The timeout of a WebSocket probe. */
const PROBE_MS = 8_000;

const socketOptions = (token: string) => ({
  authToken: token,
  heartbeatIntervalMs: NEVER_MS,
  reconnectAfterMs: () => NEVER_MS,
  rejoinAfterMs: () => NEVER_MS,
  // By default the client reads `window.sessionStorage`, which throws where storage is forbidden.
  sessionStorage: { getItem: () => null, setItem() {} },
});

/** Opens the connection of one session and keeps it open until `close`. */
export function openChannel(
  sessionId: string,
  token: string,
  clock: Clock,
  onEvent: (event: ChannelEvent) => void,
): LiveChannel {
  const socket = new Socket("/socket", socketOptions(token));
  const channel = socket.channel(`location:${sessionId}`, {});
  const transport = new TransportSelector({
    clock,
    probe: (answer) => probe(token, clock, answer),
    reconnect: () => supervisor.networkBack(),
    onPolling: (isPolling) => onEvent({ type: "polling", isPolling }),
  });
  const supervisor: Supervisor = new Supervisor({
    clock,
    jitter: (ms) => ms * (0.5 + Math.random()),
    isHidden: () => document.visibilityState === "hidden",
    onState: (state) => onEvent({ type: "connection", state }),
    socket: {
      open() {
        socket.disconnect();
        socket.replaceTransport(transport.next() === "longpoll" ? LongPoll : WebSocket);
        socket.connect();
      },
      ping() {
        if (socket.ping(() => supervisor.replyReceived())) supervisor.requestSent();
      },
      close: () => socket.disconnect(),
    },
  });
  const listening = new AbortController();
  const close = () => {
    listening.abort();
    supervisor.stop();
    transport.stop();
    channel.leave();
    socket.disconnect();
  };

  socket.onOpen(() => supervisor.opened());
  socket.onClose(() => supervisor.closed());
  socket.onMessage(() => supervisor.messageReceived());
  // The callbacks above report transport errors. This one is for a channel that the server closes by itself.
  channel.onError((cause) => {
    if ((cause as { source?: string } | undefined)?.source !== "transport") supervisor.closed();
  });
  listen(channel, onEvent);
  window.addEventListener("online", () => transport.networkChanged(), { signal: listening.signal });
  listenToBrowser(supervisor, listening.signal);
  receiveJoin(channel.join(), supervisor, onEvent, close).receive("ok", () => transport.joined());
  supervisor.start();

  const send = (event: string, payload: object) => {
    if (!socket.isConnected() || channel.state !== "joined") return null;
    supervisor.requestSent();
    const answered = () => supervisor.replyReceived();
    return channel.push(event, payload).receive("ok", answered).receive("error", answered);
  };
  return {
    sendLocation(fix) {
      const push = send("location_update", fix)
        ?.receive("ok", () => onEvent({ type: "position_answered", isTaken: true }))
        .receive("error", (response) => {
          // The next position replaces the one that was rate limited.
          if (reasonIn(response) === "rate_limited") return;
          onEvent({ type: "position_answered", isTaken: false });
        });
      return push !== undefined;
    },
    sendStatus: (status) => send("status_update", { status }) !== null,
    close,
  };
}

/** Opens a WebSocket beside the current connection, and reports whether it was answered. */
function probe(token: string, clock: Clock, answer: (isAnswered: boolean) => void): () => void {
  const socket = new Socket("/socket", socketOptions(token));
  const end = () => {
    cancelTimeout();
    socket.off(callbacks);
    socket.disconnect();
  };
  const settle = (isAnswered: boolean) => {
    end();
    answer(isAnswered);
  };
  const cancelTimeout = clock.after(PROBE_MS, () => settle(false));
  // Some networks let the WebSocket open, but no message through.
  const callbacks = [
    socket.onOpen(() => void socket.ping(() => settle(true))),
    socket.onError(() => settle(false)),
  ];
  socket.connect();
  return end;
}

function listenToBrowser(supervisor: Supervisor, signal: AbortSignal): void {
  window.addEventListener("offline", () => supervisor.networkLost(), { signal });
  window.addEventListener("online", () => supervisor.networkBack(), { signal });
  document.addEventListener("visibilitychange", () => supervisor.visibilityChanged(), { signal });
}

function listen(channel: Channel, onEvent: (event: ChannelEvent) => void): void {
  for (const type of ["initial_participants", "initial_locations", "presence_diff"]) {
    channel.on(type, (payload) => onEvent({ type, ...(payload as object) } as ChannelEvent));
  }
  channel.on("presence_state", (payload) =>
    onEvent({ type: "presence_state", presences: payload as WirePresences }),
  );
  for (const type of BROADCASTS) {
    channel.on(type, (payload) =>
      onEvent({ type, data: (payload as { data: object }).data } as ChannelEvent),
    );
  }
}

function receiveJoin(
  join: Push,
  supervisor: Supervisor,
  onEvent: (event: ChannelEvent) => void,
  close: () => void,
): Push {
  return join
    .receive("ok", (response) => {
      supervisor.joined();
      onEvent({ type: "joined", ...(response as object) } as ChannelEvent);
    })
    .receive("error", (response) => {
      const reason = reasonIn(response);
      if (reason === WATCHING_REVOKED) {
        close();
        return onEvent({ type: "dismissed", data: { reason } });
      }
      if (!FINAL_REFUSALS.has(reason)) return supervisor.rejected();
      close();
      onEvent({ type: "refused", reason });
    });
}

function reasonIn(response: unknown): string {
  return (response as { reason?: string }).reason ?? "";
}
