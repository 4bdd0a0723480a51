-- Events that come again.

ALTER TABLE delivery ADD COLUMN dedupe_key   TEXT NOT NULL DEFAULT '';   -- '' for none
ALTER TABLE delivery ADD COLUMN duplicate_of INTEGER NOT NULL DEFAULT 0; -- the delivery that was accepted in its place

-- Only what was accepted counts as seen.
CREATE INDEX delivery_dedupe ON delivery (hook, dedupe_key, received_at)
    WHERE dedupe_key <> '' AND verdict = 'accepted';
