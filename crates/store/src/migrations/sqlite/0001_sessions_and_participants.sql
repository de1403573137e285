CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    name TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    creator_id TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    last_activity INTEGER NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_sessions_active ON sessions (is_active, expires_at);
CREATE INDEX idx_sessions_activity ON sessions (last_activity);

CREATE TABLE participants (
    sequence INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    avatar_color TEXT NOT NULL DEFAULT '#FF5733',
    joined_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    UNIQUE (session_id, user_id)
) STRICT;

CREATE INDEX idx_participants_session ON participants (session_id, is_active);
CREATE UNIQUE INDEX idx_participants_name ON participants (session_id, display_name) WHERE is_active = 1;
