-- What people do by hand: approve, run again, replay, pause; and who did it.

-- Of a waiting run: why it waits for a person; '' if it waits for its time.
ALTER TABLE run ADD COLUMN hold TEXT NOT NULL DEFAULT ''
    CHECK (hold = '' OR state = 'waiting' AND (hold = 'approval' OR hold = 'loop'));
ALTER TABLE run ADD COLUMN rerun_of  INTEGER NOT NULL DEFAULT 0; -- the run that was run again
ALTER TABLE run ADD COLUMN caused_by INTEGER NOT NULL DEFAULT 0; -- the run whose script sent the event
ALTER TABLE run ADD COLUMN chain     INTEGER NOT NULL DEFAULT 0; -- runs that led here, each causing the next

ALTER TABLE delivery ADD COLUMN replay_of INTEGER NOT NULL DEFAULT 0; -- the delivery that was sent again

-- The hooks that a person paused. Those that the file pauses are not here.
CREATE TABLE paused (
    hook TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    who  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what, and when. Each row is written together with what it tells.
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    did      TEXT NOT NULL CHECK (did IN ('cancel', 'approve', 'reject', 'rerun', 'replay', 'pause', 'resume')),
    hook     TEXT NOT NULL,
    delivery INTEGER NOT NULL,             -- 0 for none
    run      INTEGER NOT NULL,             -- 0 for none; of a rerun the new one
    note     TEXT NOT NULL
) STRICT;

CREATE INDEX audit_run      ON audit (run) WHERE run <> 0;
CREATE INDEX audit_delivery ON audit (delivery) WHERE delivery <> 0;
CREATE INDEX audit_at       ON audit (at);

-- The runs of one hook in one state, however few they are among a million.
CREATE INDEX run_hook_ended ON run (hook, state, queued_at, id)
    WHERE state <> 'queued' AND state <> 'waiting' AND state <> 'running';
