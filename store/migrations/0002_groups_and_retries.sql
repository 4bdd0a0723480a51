-- Groups of runs that must not meet, and runs that are tried again.

ALTER TABLE run ADD COLUMN "group"     TEXT NOT NULL DEFAULT '';  -- '' for none
ALTER TABLE run ADD COLUMN group_limit INTEGER NOT NULL DEFAULT 0; -- of its runs at once
ALTER TABLE run ADD COLUMN failures    INTEGER NOT NULL DEFAULT 0; -- attempts that failed
ALTER TABLE run ADD COLUMN not_before  INTEGER;                    -- of a waiting run
ALTER TABLE run ADD COLUMN throttle_key TEXT;                      -- NULL for none
ALTER TABLE run ADD COLUMN debounce_key TEXT;                      -- NULL for none
ALTER TABLE run ADD COLUMN burst_at     INTEGER;                   -- when the burst began that is debounced
ALTER TABLE run ADD COLUMN canceling    INTEGER NOT NULL DEFAULT 0; -- 1: a person wants its attempt ended

-- Who came into a group after a run.
CREATE INDEX run_of_group ON run ("group", id) WHERE "group" <> '';

-- The conditions on a group ask only for its runs that are not over.
CREATE INDEX run_group ON run ("group")
    WHERE "group" <> '' AND (state = 'queued' OR state = 'waiting' OR state = 'running');

CREATE INDEX run_throttle ON run (hook, rule, throttle_key, queued_at) WHERE throttle_key IS NOT NULL;
CREATE INDEX run_debounce ON run (hook, rule, debounce_key)
    WHERE debounce_key IS NOT NULL AND state = 'waiting' AND attempt = 0;
