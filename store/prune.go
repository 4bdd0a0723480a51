package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	pruneRows  = 500                    // deleted at most in one transaction
	pruneBytes = 8 << 20                // and so much of bodies or output, or one that is larger
	prunePace  = 100 * time.Millisecond // between two of them
	pruneLook  = time.Hour              // how often it looks for what has grown old
	countRows  = 5000                   // of output, counted in one read
)

const (
	// The body of a delivery is needed until all of its runs are over.
	unneeded = `NOT EXISTS (SELECT 1 FROM run INDEXED BY run_delivery WHERE run.delivery = delivery.id AND ` + unfinished + `)`

	oldDeliveries = `SELECT id, size FROM delivery INDEXED BY delivery_received WHERE received_at < ?
		AND ` + unneeded + ` ORDER BY received_at LIMIT ?`

	// By when it was queued, because that is what there is an index for; what
	// waited for long counts from its end.
	oldRuns = `SELECT id FROM run INDEXED BY run_queued WHERE queued_at < ?1 AND coalesce(finished_at, queued_at) < ?1
		AND ` + ended + ` ORDER BY queued_at LIMIT ?2`

	// The index has the runs in order of their ids, the oldest first.
	oldestOutput = `SELECT output.run, sum(length(data)) FROM output INDEXED BY sqlite_autoindex_output_1
		CROSS JOIN run ON run.id = output.run WHERE ` + ended + `
		GROUP BY output.run ORDER BY output.run LIMIT ?`

	outputOf = `SELECT rowid, length(data) FROM output WHERE run IN (SELECT value FROM json_each(?)) LIMIT ?`

	outputSize = `SELECT coalesce(max(id), 0), coalesce(sum(size), 0) FROM (
		SELECT rowid AS id, length(data) AS size FROM output WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?)`

	deleteDeliveries = `DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(?)) AND ` + unneeded
	deleteRuns       = `DELETE FROM run WHERE id IN (SELECT value FROM json_each(?))`
	deleteAudit      = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`
	deleteOutput     = `DELETE FROM output WHERE rowid IN (SELECT value FROM json_each(?))`
)

// A pruner deletes what is not to be kept any longer, in small steps by the
// writer: it looks for them with a reader's connection, and between two steps
// it leaves the writer to those who wait for it. What is not over, and what
// that needs, it never deletes.
type pruner struct {
	store *Store
	now   func() time.Time
	pace  time.Duration
	keep  atomic.Pointer[rules.Keep] // nil: everything
	due   chan struct{}              // holds a token when it should look

	output  atomic.Int64 // bytes of output on disk, once what Open found is counted
	found   int64        // rowid of the last output that Open found
	counted int64        // rowid of the last of them that is counted

	stop    context.CancelFunc
	stopped chan struct{}
}

func newPruner(ctx context.Context, s *Store) (*pruner, error) {
	p := &pruner{store: s, now: time.Now, pace: prunePace, due: make(chan struct{}, 1), stopped: make(chan struct{})}
	err := s.tx.conn.QueryRowContext(ctx, "SELECT coalesce(max(rowid), 0) FROM output").Scan(&p.found)
	if err != nil {
		return nil, fmt.Errorf("looking for output: %w", err)
	}
	return p, nil
}

// Keep says how long and how much is kept from now on. Before it is called,
// nothing is deleted.
func (s *Store) Keep(k rules.Keep) {
	s.pruner.keep.Store(&k)
	wake(s.pruner.due)
}

// printed notes that there is more output on disk.
func (p *pruner) printed(bytes int) {
	total := p.output.Add(int64(bytes))
	if k := p.keep.Load(); k != nil && total > k.Output {
		wake(p.due)
	}
}

func (p *pruner) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() {
		defer close(p.stopped)
		for p.wait(ctx) {
			if err := p.prune(ctx); err != nil && ctx.Err() == nil {
				p.store.log.Warn("what need not be kept any longer cannot be deleted; trying again within the hour", "error", err)
			}
			pause(ctx, p.pace)
		}
	}()
}

func (p *pruner) end() {
	p.stop()
	<-p.stopped
}

// wait returns when it is time to look, and false when that will not come.
func (p *pruner) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-p.due:
	case <-time.After(pruneLook):
	}
	return ctx.Err() == nil
}

// prune deletes all that is due.
func (p *pruner) prune(ctx context.Context) error {
	if p.keep.Load() == nil {
		return nil
	}
	if err := p.count(ctx); err != nil {
		return fmt.Errorf("counting the output: %w", err)
	}
	for _, step := range []func(context.Context, *rules.Keep) (int, error){p.deliveries, p.definitions, p.runs, p.audit, p.watches, p.excess} {
		for {
			deleted, err := step(ctx, p.keep.Load())
			if err != nil {
				return err
			}
			if deleted == 0 {
				break
			}
		}
	}
	return nil
}

// count adds up the output that Open found. What comes later counts as it comes.
func (p *pruner) count(ctx context.Context) error {
	for p.counted < p.found {
		var last, bytes int64
		err := p.store.readDB.QueryRowContext(ctx, outputSize, p.counted, p.found, countRows).Scan(&last, &bytes)
		if err != nil {
			return err
		}
		p.output.Add(bytes)
		if last == 0 {
			last = p.found
		}
		p.counted = last
	}
	return nil
}

// deliveries deletes old deliveries with their bodies.
func (p *pruner) deliveries(ctx context.Context, k *rules.Keep) (int, error) {
	old, err := query(ctx, p.store.readDB, scanVictim, oldDeliveries, p.before(k.Deliveries), pruneRows)
	if err != nil {
		return 0, fmt.Errorf("looking for old deliveries: %w", err)
	}
	ids, _ := atMost(old, pruneBytes)
	if len(ids) == 0 {
		return 0, nil
	}
	return len(ids), p.transact(ctx, deleting(deleteDeliveries, ids), nil)
}

// definitions deletes those that no delivery needs any longer. They are few, so
// it is done at once.
func (p *pruner) definitions(ctx context.Context, k *rules.Keep) (int, error) {
	before := p.before(k.Deliveries)
	return 0, p.transact(ctx, func(tx *tx) error { return tx.definitions.prune(tx, before) }, nil)
}

// runs deletes old runs that have ended, with their output.
func (p *pruner) runs(ctx context.Context, k *rules.Keep) (int, error) {
	ids, err := query(ctx, p.store.readDB, scanID, oldRuns, p.before(k.Runs), pruneRows)
	if err != nil {
		return 0, fmt.Errorf("looking for old runs: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if err := p.outputOf(ctx, ids); err != nil {
		return 0, err
	}
	return len(ids), p.transact(ctx, deleting(deleteRuns, ids), nil)
}

// audit deletes what was done by hand as long ago as the runs that are deleted, and
// forgets failures of then.
func (p *pruner) audit(ctx context.Context, k *rules.Keep) (int, error) {
	var deleted int64
	err := p.transact(ctx, func(tx *tx) (err error) {
		if deleted, err = tx.exec(deleteAudit, p.before(k.Runs), pruneRows); err != nil {
			return err
		}
		_, err = tx.exec(deleteFailing, p.before(k.Runs)) // of each kind one row, so never many at once
		return err
	}, nil)
	if err != nil {
		return 0, err // it may still be under way
	}
	return int(deleted), nil
}

// excess deletes the oldest output while there is too much of it. Each run's
// goes as a whole: what is left of one would look as if it were all.
func (p *pruner) excess(ctx context.Context, k *rules.Keep) (int, error) {
	excess := p.output.Load() - k.Output
	if excess <= 0 {
		return 0, nil
	}
	oldest, err := query(ctx, p.store.readDB, scanVictim, oldestOutput, pruneRows)
	if err != nil {
		return 0, fmt.Errorf("looking for the oldest output: %w", err)
	}
	var runs []int64
	for _, run := range oldest {
		if excess <= 0 {
			break
		}
		runs = append(runs, run.id)
		excess -= run.size
	}
	return len(runs), p.outputOf(ctx, runs)
}

// outputOf deletes the output of these runs.
func (p *pruner) outputOf(ctx context.Context, runs []int64) error {
	for {
		pieces, err := query(ctx, p.store.readDB, scanVictim, outputOf, encodeIDs(runs), pruneRows)
		if err != nil {
			return fmt.Errorf("looking for the output of old runs: %w", err)
		}
		ids, size := atMost(pieces, pruneBytes)
		if len(ids) == 0 {
			return nil
		}
		err = p.transact(ctx, deleting(deleteOutput, ids), func() { p.output.Add(-size) })
		if err != nil {
			return err
		}
	}
}

// transact makes one small step, and leaves the disk to others for a while. The
// writer calls then, when it is done.
func (p *pruner) transact(ctx context.Context, do func(*tx) error, then func()) error {
	if err := p.store.submitThen(ctx, do, then); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	pause(ctx, p.pace)
	return nil
}

func deleting(text string, ids []int64) func(*tx) error {
	return func(tx *tx) error {
		_, err := tx.exec(text, encodeIDs(ids))
		return err
	}
}

// before is the moment from which on things are kept.
func (p *pruner) before(age time.Duration) int64 { return p.now().Add(-age).UnixMicro() }

// A victim is a row that is to go, with the bytes that go with it.
type victim struct{ id, size int64 }

func scanVictim(row scanner) (v victim, err error) {
	err = row.Scan(&v.id, &v.size)
	return v, err
}

// atMost takes the first of them, up to so many bytes, and one in any case.
func atMost(victims []victim, bytes int64) (ids []int64, size int64) {
	for _, v := range victims {
		if len(ids) > 0 && size+v.size > bytes {
			break
		}
		ids = append(ids, v.id)
		size += v.size
	}
	return ids, size
}

func encodeIDs(ids []int64) string {
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // numbers can always be written
	}
	return string(text)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
