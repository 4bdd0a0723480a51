-- Times are microseconds since 1970 in UTC. Columns are named as the JSON of
-- the Go types names them. Conditions that each write checks are spelled with
-- OR: for an IN of more than two values SQLite builds a table every time.

-- What this store knows about itself: the ids it may have handed out.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
    id          INTEGER PRIMARY KEY,
    hook        TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    remote_ip   TEXT NOT NULL,
    method      TEXT NOT NULL,
    path        TEXT NOT NULL,
    event       TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    verdict     TEXT NOT NULL CHECK (
        verdict = 'accepted' OR verdict = 'ignored' OR verdict = 'duplicate' OR
        verdict = 'throttled' OR verdict = 'rejected' OR verdict = 'error'),
    reason      TEXT NOT NULL,
    rules       TEXT NOT NULL,             -- JSON, a list of decisions
    size        INTEGER NOT NULL,          -- of the body as it arrived, in bytes
    headers     TEXT NOT NULL              -- JSON; last, because listings stop reading before it
) STRICT;

CREATE INDEX delivery_received ON delivery (received_at);
CREATE INDEX delivery_hook     ON delivery (hook, received_at);

-- Few rows, because deliveries that fired nothing are pruned. It serves the
-- pruning, and listings of their verdicts.
CREATE INDEX delivery_unaccepted ON delivery (received_at) WHERE verdict <> 'accepted';

-- Bodies live apart, so that a listing does not have to step over them. A
-- delivery with an empty body, or with one that was not kept, has no row here.
CREATE TABLE body (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
    packed   INTEGER NOT NULL,             -- 1: data is an s2 block, 0: as it is
    data     BLOB NOT NULL
) STRICT;

-- delivery is no foreign key: a run may be kept longer than its delivery.
CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    delivery    INTEGER NOT NULL,
    hook        TEXT NOT NULL,
    rule        TEXT NOT NULL,
    action      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (
        state = 'queued' OR state = 'waiting' OR state = 'running' OR
        state = 'succeeded' OR state = 'failed' OR state = 'timed_out' OR
        state = 'canceled' OR state = 'superseded' OR state = 'skipped'),
    attempt     INTEGER NOT NULL,
    exit_code   INTEGER,
    signal      TEXT NOT NULL,
    error       TEXT NOT NULL,
    queued_at   INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    process     TEXT NOT NULL,             -- of the last attempt; opaque here
    command     TEXT NOT NULL              -- JSON, a rules.Command
) STRICT;

CREATE INDEX run_delivery ON run (delivery);
CREATE INDEX run_queued   ON run (queued_at);
CREATE INDEX run_hook     ON run (hook, queued_at);

-- A run is in exactly one of these two. The first stays small however long the
-- history grows; the second is written once, when the run ends, and carries
-- the hook so that a listing by state and hook need not look up each row.
CREATE INDEX run_unfinished ON run (queued_at)
    WHERE state = 'queued' OR state = 'waiting' OR state = 'running';
CREATE INDEX run_ended ON run (state, queued_at, id, hook)
    WHERE state <> 'queued' AND state <> 'waiting' AND state <> 'running';

CREATE TABLE output (
    run     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,              -- from 1, without gaps
    packed  INTEGER NOT NULL,              -- 1: data is an s2 block, 0: as it is
    data    BLOB NOT NULL,
    PRIMARY KEY (run, attempt, seq)
) STRICT;
