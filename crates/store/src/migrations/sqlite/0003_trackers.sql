-- How long positions are shown is the creator's choice. A tracker link names a participant, and how often their
-- links had been revoked when it was made.
ALTER TABLE sessions ADD COLUMN location_ttl_seconds INTEGER NOT NULL DEFAULT 30;
ALTER TABLE participants ADD COLUMN tracker_generation INTEGER NOT NULL DEFAULT 0;
CREATE INDEX idx_participants_trackers ON participants (user_id);
