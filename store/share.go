package store

import (
	"context"

	"github.com/hooktender/hooktender/rules"
)

const (
	keepUnaccepted = 10_000          // deliveries of a share, kept on disk
	pruneBatch     = 2 * recordBatch // deleted at most in one batch: more than come in

	// byStrangers is rules.Delivery.ByStrangers.
	byStrangers   = `(verdict = 'rejected' OR verdict = 'ignored' AND rules = '[]')`
	unacceptedIDs = `SELECT id, ` + byStrangers + ` FROM delivery INDEXED BY delivery_unaccepted WHERE ` + unaccepted + ` ORDER BY id`

	deleteUnaccepted = `DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(?))`
)

// A share is the deliveries of one kind that are on disk and fired nothing. What
// was rejected has one of its own, together with handshakes: anybody can send it,
// and a flood of it must not push out what the rules have ignored.
//
// The ids are in the order in which they came, which the times need not be: they
// are the wall clock's, which may be set. Some may be gone already because they
// were too old; then they are the first ones here, and deleting them again does
// no harm. The writer's goroutine alone uses it.
type share struct{ ids []int64 }

func (w *writer) shareOf(d *rules.Delivery) *share {
	if d.ByStrangers() {
		return &w.strangers
	}
	return &w.unfired
}

// loadShares reads what an earlier process has kept.
func (w *writer) loadShares(ctx context.Context) error {
	rows, err := w.tx.conn.QueryContext(ctx, unacceptedIDs)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var byStrangers bool
		if err := rows.Scan(&id, &byStrangers); err != nil {
			return err
		}
		kept := &w.unfired
		if byStrangers {
			kept = &w.strangers
		}
		kept.ids = append(kept.ids, id)
	}
	return rows.Err()
}

// pruning lists the tasks that delete the oldest of each share for which one of
// these tasks leaves no room.
func (w *writer) pruning(tasks []task) (more []task) {
	for _, s := range []*share{&w.strangers, &w.unfired} {
		coming := 0
		for _, t := range tasks {
			if t.kept == s {
				coming++
			}
		}
		if excess := len(s.ids) + coming - keepUnaccepted; excess > 0 && coming > 0 {
			more = append(more, s.pruning(min(excess, pruneBatch)))
		}
	}
	return more
}

// pruning is the task that deletes the n oldest.
func (s *share) pruning(n int) task {
	oldest := encodeIDs(s.ids[:n])
	return task{
		do: func(tx *tx) error {
			_, err := tx.exec(deleteUnaccepted, oldest)
			return err
		},
		done: func(err error) {
			if err == nil {
				s.ids = s.ids[n:]
			}
		},
	}
}
