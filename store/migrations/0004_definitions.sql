-- What of a hook decided which rules fired, so that a delivery can be explained
-- when the file has changed since. Each distinct text stands here once.

CREATE TABLE definition (
    id      INTEGER PRIMARY KEY,           -- made of the text
    text    TEXT NOT NULL,
    used_at INTEGER NOT NULL               -- by a delivery; up to an hour behind
) STRICT;

-- 0 for none. No foreign key: it would need an index on every delivery.
ALTER TABLE delivery ADD COLUMN definition INTEGER NOT NULL DEFAULT 0;

CREATE INDEX definition_used ON definition (used_at);
