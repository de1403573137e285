-- A watcher's token says how often watchers had been sent away when it was made: it holds while that is the count here.
ALTER TABLE sessions ADD COLUMN watch_generation INTEGER NOT NULL DEFAULT 0;
