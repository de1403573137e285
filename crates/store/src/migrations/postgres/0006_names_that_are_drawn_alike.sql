-- Names with letters of different scripts that are drawn alike. What a look is has changed as well, so the old ones go:
-- the program writes both into the rows that are there.
ALTER TABLE participants ADD name_skeleton text COLLATE "C";
UPDATE participants SET name_look = NULL WHERE is_active;
CREATE UNIQUE INDEX idx_participants_skeleton ON participants (session_id, name_skeleton) WHERE is_active;
