export interface components {
  schemas: {
    Config: {
      version: string;
      server_time: string;
      max_session_minutes: number;
      max_participants: number;
      location_ttl_seconds: number;
      map: { tiles: { url: string; attribution: string; max_zoom: number } | null; style_url: string | null };
    };
    Session: {
      id: string;
      name: string | null;
      created_at: string;
      expires_at: string;
      participant_count: number;
      is_active: boolean;
      locked: boolean;
      server_time: string;
      max_participants: number;
    };
    CreatedSession: {
      session_id: string;
      join_link: string;
      expires_at: string;
      name: string | null;
      creator_token: string;
    };
    Joined: { user_id: string; websocket_token: string; websocket_url: string };
    Watching: { websocket_token: string; websocket_url: string };
    Participant: {
      user_id: string;
      display_name: string;
      avatar_color: string;
      last_seen: string;
      is_active: boolean;
    };
  };
}
