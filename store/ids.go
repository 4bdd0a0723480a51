package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// reserve is how many ids are promised ahead of need, and so the largest gap
// that a crash leaves in the numbering.
const reserve = 2000

// A counter hands out ids that are never used twice, not even after a crash.
//
// A sender whose delivery fired nothing is told its id before anything is
// written. So that the next process does not give the same id to another
// delivery, the database holds a promise: ids up to this one may have been
// handed out. The next process continues above it. The writer renews the
// promise in a batch that it writes anyway, when half of the reserve is left;
// where ids go too quickly to wait for one, Record calls it.
type counter struct {
	name     string       // of the promise, in meta
	last     atomic.Int64 // handed out
	promised atomic.Int64 // on disk
}

// loadCounter continues after everything that was ever promised, or stored in
// the table.
func loadCounter(ctx context.Context, conn *sql.Conn, table string) (*counter, error) {
	c := &counter{name: table + "_ids"}
	var last int64
	err := conn.QueryRowContext(ctx, `SELECT max(
		coalesce((SELECT value FROM meta WHERE name = ?), 0),
		coalesce((SELECT max(id) FROM `+table+`), 0))`, c.name).Scan(&last)
	if err != nil {
		return nil, fmt.Errorf("reading the last id of a %s: %w", table, err)
	}
	c.last.Store(last)
	c.promised.Store(last)
	return c, nil
}

// next hands out an id. Until isPromised, it is safe to tell only once the
// row that bears it is on disk.
func (c *counter) next() int64 { return c.last.Add(1) }

func (c *counter) isPromised(id int64) bool { return id <= c.promised.Load() }

// low tells whether the promise wants renewing.
func (c *counter) low() bool { return c.promised.Load()-c.last.Load() < reserve/2 }

// renewal is the task that promises the next reserve of ids.
func (c *counter) renewal() task {
	promise := c.last.Load() + reserve
	return task{
		do: func(tx *tx) error { return tx.setMeta(c.name, promise) },
		done: func(err error) {
			if err == nil {
				c.promised.Store(promise)
			}
		},
	}
}

// settlement is the task that replaces the promise by the exact number. From
// here on no id is promised any more, so that whoever comes too late does not
// tell one that the next process hands out again.
func (c *counter) settlement() task {
	c.promised.Store(0)
	last := c.last.Load()
	return task{
		do:   func(tx *tx) error { return tx.setMeta(c.name, last) },
		done: func(error) {}, // if it fails, the promise stands, which is true as well
	}
}
