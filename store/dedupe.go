package store

import (
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// seenBefore finds the first delivery of a key that was accepted. As with a
// throttle, one that is a little later counts, too, and one that is much later is
// from before the clock was set back.
const seenBefore = `SELECT id FROM delivery INDEXED BY delivery_dedupe
	WHERE hook = ? AND dedupe_key = ? AND dedupe_key <> '' AND verdict = 'accepted'
	AND received_at > ? AND received_at < ? ORDER BY received_at LIMIT 1`

// A sighting is what an event may have been seen as before. The zero value is
// new in any case.
type sighting struct {
	hook, key string
	within    time.Duration
}

// sightingOf is that of a delivery. What a person sends again is meant to run.
func sightingOf(d *rules.Delivery) sighting {
	if d.ReplayOf != 0 || d.DedupeWithin == 0 {
		return sighting{}
	}
	return sighting{d.Hook, d.DedupeKey, d.DedupeWithin}
}

// first returns the delivery that was accepted in the place of one that comes at
// a time, 0 if there is none.
func (s sighting) first(tx *tx, at time.Time) (int64, error) {
	if s.key == "" {
		return 0, nil
	}
	ids, err := tx.ids(seenBefore, s.hook, s.key, at.Add(-s.within).UnixMicro(), at.Add(s.within).UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("looking whether the event was seen before: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}
