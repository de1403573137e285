-- What a name looks like: two that people would take for the same have the same look. The program knows it, and
-- writes it into the rows that are there.
ALTER TABLE participants ADD name_look text COLLATE "C";
DROP INDEX idx_participants_name;
CREATE UNIQUE INDEX idx_participants_name ON participants (session_id, name_look) WHERE is_active;
