-- What watches remember of what they have seen, so that nothing is told twice or
-- never when the server is started again.

CREATE TABLE watch_state (
    watch TEXT NOT NULL,
    key   TEXT NOT NULL,               -- what of it: a website, a URL
    value TEXT NOT NULL,               -- JSON; the watch's own
    at    INTEGER NOT NULL,            -- when it was written, at least once a day
    PRIMARY KEY (watch, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX watch_state_at ON watch_state (at);
