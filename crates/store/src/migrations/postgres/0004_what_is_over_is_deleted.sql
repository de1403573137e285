-- Of a session that is over, its id and its times stay; of somebody who has left, that they were in it.
DELETE FROM participants USING sessions WHERE sessions.id = session_id AND NOT sessions.is_active;
UPDATE sessions
SET name = NULL, creator_id = NULL, last_activity = coalesce(ended_at, expires_at), locked = false,
    location_ttl_seconds = 0
WHERE NOT is_active;
UPDATE participants
SET display_name = '', name_look = NULL, avatar_color = '', joined_at = 'epoch', last_seen = 'epoch',
    tracker_generation = 0
WHERE NOT is_active;
