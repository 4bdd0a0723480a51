-- Runs that tell people what became of other runs.

ALTER TABLE run ADD COLUMN tells_of INTEGER NOT NULL DEFAULT 0; -- the run that it tells of; 0 for one that does something itself

-- Kinds of runs of which the last did not succeed, so that people can be told of
-- the next that does. Without a foreign key: it may be known longer than the runs.
CREATE TABLE failing (
    hook     TEXT NOT NULL,
    rule     TEXT NOT NULL,
    action   TEXT NOT NULL,
    key      TEXT NOT NULL,
    since    INTEGER NOT NULL,             -- when the first of them ended
    last     INTEGER NOT NULL,             -- and the newest
    failures INTEGER NOT NULL,             -- in a row
    PRIMARY KEY (hook, rule, action, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX failing_last ON failing (last);
