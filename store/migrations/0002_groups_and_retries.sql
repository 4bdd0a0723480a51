-- Groups of runs that must not meet, and runs that are tried again.

ALTER TABLE run ADD COLUMN "group"     TEXT NOT NULL DEFAULT '';  -- '' for none
ALTER TABLE run ADD COLUMN group_limit INTEGER NOT NULL DEFAULT 0; -- of its runs at once
ALTER TABLE run ADD COLUMN failures    INTEGER NOT NULL DEFAULT 0; -- attempts that failed
ALTER TABLE run ADD COLUMN not_before  INTEGER;                    -- of a waiting run

-- The conditions on a group ask only for its runs that are not over.
CREATE INDEX run_group ON run ("group")
    WHERE "group" <> '' AND (state = 'queued' OR state = 'waiting' OR state = 'running');
