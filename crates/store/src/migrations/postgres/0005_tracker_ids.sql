-- By which two characters tracker apps know the people of a session: a JSON object by user id. They stay with their owner,
-- and with those who left, so that nobody takes somebody else's place in an app.
ALTER TABLE sessions ADD COLUMN tracker_ids text;
