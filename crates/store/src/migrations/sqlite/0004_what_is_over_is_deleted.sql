-- Of a session that is over, its id and its times stay; of somebody who has left, that they were in it.
DELETE FROM participants WHERE session_id IN (SELECT id FROM sessions WHERE is_active = 0);
UPDATE sessions
SET name = NULL, creator_id = '', last_activity = coalesce(ended_at, expires_at), locked = 0, location_ttl_seconds = 0
WHERE is_active = 0;
UPDATE participants
SET display_name = '', name_look = NULL, avatar_color = '', joined_at = 0, last_seen = 0, tracker_generation = 0
WHERE is_active = 0;
