import { type Channel, type Push, Socket } from "phoenix";

export type Status = "sharing" | "paused" | "hidden" | "no_gps" | "stopped";

/** What a device knows about its own place. */
export interface Fix {
  lat: number;
  lng: number;
  /** Not every device tells. */
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

/** A fix as the server tells it: what a device did not know is missing or null. */
export type WireFix = { lat: number; lng: number } & { [Fact in keyof Fix]?: Fix[Fact] | null };

export type WireLocation = WireFix & { user_id: string };

/** Who is connected, by user id. The server has one entry for each person, so the keys say it all. */
export type WirePresences = Record<string, object>;

export type ChannelEvent =
  | {
      type: "joined";
      expires_at: string;
      server_time: string;
      location_ttl_seconds: number;
    }
  | { type: "initial_participants"; participants: WireParticipant[]; server_time: string }
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
  | { type: "session_ended"; data: { reason: string } }
  | { type: "refused"; reason: string }
  | { type: "connecting" }
  | { type: "disconnected" };

export interface LiveChannel {
  /** False while there is no connection: what cannot be sent now is outdated later, so nothing is kept. */
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

const BROADCASTS = [
  "location_update",
  "participant_joined",
  "participant_left",
  "participant_status",
  "session_updated",
  "session_ended",
] as const;

const RECONNECT_MS = [50, 200, 500, 1000, 2000];
const REJOIN_MS = [1000, 2000, 5000];

/** Opens the connection of one session and keeps it open until `close`. */
export function openChannel(
  sessionId: string,
  token: string,
  tell: (event: ChannelEvent) => void,
): LiveChannel {
  const socket = new Socket("/socket", {
    authToken: token,
    reconnectAfterMs: (tries) => spread(RECONNECT_MS[tries - 1] ?? 5000),
    rejoinAfterMs: (tries) => spread(REJOIN_MS[tries - 1] ?? 10_000),
  });
  const channel = socket.channel(`location:${sessionId}`, {});
  const close = () => {
    channel.leave();
    socket.disconnect();
  };

  socket.onOpen(() => tell({ type: "connecting" }));
  socket.onClose(() => tell({ type: "disconnected" }));
  listen(channel, tell);
  socket.connect();
  receiveJoin(channel.join(), tell, close);

  const send = (event: string, payload: object) => {
    const ready = socket.isConnected() && channel.state === "joined";
    if (ready) channel.push(event, payload);
    return ready;
  };
  return {
    sendLocation: (fix) => send("location_update", fix),
    sendStatus: (status) => send("status_update", { status }),
    close,
  };
}

function listen(channel: Channel, tell: (event: ChannelEvent) => void): void {
  for (const type of ["initial_participants", "initial_locations", "presence_diff"]) {
    channel.on(type, (payload) => tell({ type, ...(payload as object) } as ChannelEvent));
  }
  channel.on("presence_state", (payload) =>
    tell({ type: "presence_state", presences: payload as WirePresences }),
  );
  for (const type of BROADCASTS) {
    channel.on(type, (payload) => tell({ type, data: (payload as { data: object }).data } as ChannelEvent));
  }
}

function receiveJoin(join: Push, tell: (event: ChannelEvent) => void, close: () => void): void {
  join
    .receive("ok", (response) => tell({ type: "joined", ...(response as object) } as ChannelEvent))
    .receive("error", (response) => {
      const { reason = "" } = response as { reason?: string };
      if (!FINAL_REFUSALS.has(reason)) return;
      close();
      tell({ type: "refused", reason });
    });
}

/** After a restart of the server everybody comes back; chance keeps them from coming all at once. */
function spread(ms: number): number {
  return ms * (0.5 + Math.random());
}
