-- Tables that a replaced system left behind, from its Ecto migrations or its sibling's SQL, become ours: run
-- once, before our first migration and in its transaction. Rows stay, and so do columns that we do not know.
DO $takeover$
DECLARE
    ours CONSTANT regclass[] := ARRAY[to_regclass('sessions'), to_regclass('participants')];
    theirs record;
    round int := 0;
BEGIN
    IF EXISTS (
        SELECT FROM (VALUES
            ('sessions', 'id'), ('sessions', 'name'), ('sessions', 'created_at'), ('sessions', 'expires_at'),
            ('sessions', 'creator_id'), ('sessions', 'is_active'), ('sessions', 'last_activity'),
            ('participants', 'id'), ('participants', 'session_id'), ('participants', 'user_id'),
            ('participants', 'display_name'), ('participants', 'avatar_color'), ('participants', 'joined_at'),
            ('participants', 'last_seen'), ('participants', 'is_active')
        ) AS needed (home, name)
        WHERE NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = to_regclass(needed.home) AND attname = needed.name AND NOT attisdropped
        )
    ) THEN
        RAISE EXCEPTION 'its tables sessions and participants are another program''s: %',
            'give Tagalong a database of its own';
    END IF;
    LOCK TABLE sessions, participants IN ACCESS EXCLUSIVE MODE;

    -- It wrote the session's row at every change of a participant's: each position was a contended write.
    FOR theirs IN
        SELECT tgrelid::regclass AS home, tgname AS name, tgfoid AS calls FROM pg_trigger
        WHERE tgrelid = ANY (ours) AND tgname = 'trigger_update_session_activity'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', theirs.name, theirs.home);
        IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = theirs.calls) THEN
            EXECUTE format('DROP FUNCTION %s', theirs.calls::regprocedure);
        END IF;
    END LOOP;

    -- Rules and indexes of theirs. Ours come with the first migration, under one set of names.
    FOR theirs IN
        SELECT conrelid::regclass AS home, conname AS name FROM pg_constraint
        WHERE conrelid = ANY (ours) AND contype IN ('c', 'f', 'u')
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', theirs.home, theirs.name);
    END LOOP;
    FOR theirs IN
        SELECT indexrelid::regclass AS name FROM pg_index WHERE indrelid = ANY (ours) AND NOT indisprimary
    LOOP
        EXECUTE format('DROP INDEX %s', theirs.name);
    END LOOP;

    -- Defaults first: they are of the old types. Columns that we do not fill may stay empty.
    FOR theirs IN
        SELECT attrelid::regclass AS home, attname AS name, atttypid = 'timestamp'::regtype AS local_time,
            attname NOT IN (
                'id', 'name', 'created_at', 'expires_at', 'creator_id', 'last_activity', 'session_id', 'user_id',
                'display_name', 'avatar_color', 'joined_at', 'last_seen', 'is_active'
            ) AS foreign_to_us,
            attname = 'id' AS key
        FROM pg_attribute
        WHERE attrelid = ANY (ours) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
    LOOP
        IF theirs.foreign_to_us THEN
            EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', theirs.home, theirs.name);
        ELSIF NOT theirs.key THEN
            EXECUTE format('ALTER TABLE %s ALTER %I DROP DEFAULT', theirs.home, theirs.name);
        END IF;
        IF theirs.local_time THEN
            EXECUTE format('ALTER TABLE %s ALTER %I DROP DEFAULT', theirs.home, theirs.name);
            EXECUTE format(
                'ALTER TABLE %1$s ALTER %2$I TYPE timestamptz USING %2$I AT TIME ZONE ''UTC''', theirs.home, theirs.name
            );
        END IF;
    END LOOP;

    -- What may be missing: a session without an end had the longest life, a person without a session is none.
    UPDATE sessions SET
        created_at = coalesce(created_at, last_activity, now()),
        is_active = coalesce(is_active, false),
        last_activity = coalesce(last_activity, created_at, now()),
        expires_at = coalesce(expires_at, coalesce(created_at, last_activity, now()) + interval '24 hours')
    WHERE created_at IS NULL OR is_active IS NULL OR last_activity IS NULL OR expires_at IS NULL;
    DELETE FROM participants WHERE session_id IS NULL OR session_id NOT IN (SELECT id FROM sessions);
    UPDATE participants SET
        avatar_color = coalesce(avatar_color, '#FF5733'),
        joined_at = coalesce(joined_at, last_seen, now()),
        last_seen = coalesce(last_seen, joined_at, now()),
        is_active = coalesce(is_active, false)
    WHERE avatar_color IS NULL OR joined_at IS NULL OR last_seen IS NULL OR is_active IS NULL;

    -- When one that is over ended, nobody wrote down: at the latest when its time was up.
    ALTER TABLE sessions ADD locked boolean NOT NULL DEFAULT false, ADD ended_at timestamptz;
    UPDATE sessions SET ended_at = least(expires_at, now()) WHERE NOT is_active;
    ALTER TABLE participants ADD sequence bigint;
    UPDATE participants SET sequence = ordered.place
    FROM (SELECT id, row_number() OVER (ORDER BY joined_at, id) AS place FROM participants) AS ordered
    WHERE participants.id = ordered.id;

    -- Two of one name, which the sibling let in: the later ones get a number.
    LOOP
        UPDATE participants SET display_name = left(display_name, 88) || ' (' || same.place + round || ')'
        FROM (
            SELECT id, row_number() OVER (PARTITION BY session_id, display_name ORDER BY sequence) AS place
            FROM participants WHERE is_active
        ) AS same
        WHERE participants.id = same.id AND same.place > 1;
        EXIT WHEN NOT FOUND;
        round := round + 1;
    END LOOP;

    ALTER TABLE sessions
        ALTER id SET DEFAULT gen_random_uuid(),
        ALTER created_at SET DEFAULT now(), ALTER created_at SET NOT NULL,
        ALTER expires_at SET NOT NULL,
        ALTER creator_id DROP NOT NULL,
        ALTER is_active SET DEFAULT true, ALTER is_active SET NOT NULL,
        ALTER last_activity SET DEFAULT now(), ALTER last_activity SET NOT NULL;
    ALTER TABLE participants
        ALTER id SET DEFAULT gen_random_uuid(),
        ALTER session_id SET NOT NULL,
        ALTER user_id SET NOT NULL,
        ALTER display_name SET NOT NULL,
        ALTER avatar_color SET DEFAULT '#FF5733', ALTER avatar_color SET NOT NULL,
        ALTER joined_at SET DEFAULT now(), ALTER joined_at SET NOT NULL,
        ALTER last_seen SET DEFAULT now(), ALTER last_seen SET NOT NULL,
        ALTER is_active SET DEFAULT true, ALTER is_active SET NOT NULL,
        ALTER sequence SET NOT NULL, ALTER sequence ADD GENERATED BY DEFAULT AS IDENTITY,
        ADD FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE;
    PERFORM setval(
        pg_get_serial_sequence('participants', 'sequence'),
        (SELECT coalesce(max(sequence), 0) + 1 FROM participants), false
    );
END
$takeover$;
