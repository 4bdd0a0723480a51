package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

const (
	recordPace  = 50 * time.Millisecond // between two batches that carry records
	recordBatch = 256                   // records written in one batch

)

// A writer carries out the tasks of a queue, in batches of one transaction.
type writer struct {
	tx         *tx
	queue      *queue
	deliveries *counter
	runs       *counter

	strangers   share     // deliveries on disk that anybody can have sent
	unfired     share     // and others that fired nothing
	lastRecords time.Time // when records were last taken along

	stopped chan struct{} // closed when everything is written
	err     error         // of the last transaction; read it after stopped
}

// newWriter reads what a writer must know of the database, and puts the first
// promise of ids on disk.
func newWriter(ctx context.Context, tx *tx, q *queue) (w *writer, err error) {
	w = &writer{tx: tx, queue: q, stopped: make(chan struct{})}
	if w.deliveries, err = loadCounter(ctx, tx.conn, "delivery"); err != nil {
		return nil, err
	}
	if w.runs, err = loadCounter(ctx, tx.conn, "run"); err != nil {
		return nil, err
	}
	if err := w.loadShares(ctx); err != nil {
		return nil, fmt.Errorf("looking for the deliveries that fired nothing: %w", err)
	}
	if err := w.commit([]task{w.deliveries.renewal(), w.runs.renewal()}); err != nil {
		return nil, fmt.Errorf("reserving ids: %w", err)
	}
	return w, nil
}

// run writes until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.stopped)
	for !w.queue.isClosed() {
		w.wait()
		w.gather()
		w.commit(w.batch(time.Now()))
	}
	for batch := w.rest(); len(batch) > 0; batch = w.rest() {
		w.commit(batch)
	}
	w.err = w.commit([]task{w.deliveries.settlement(), w.runs.settlement()})
}

// wait returns when there is something worth a transaction: at once when
// somebody waits for it, otherwise after giving more of it time to come.
func (w *writer) wait() {
	select {
	case <-w.queue.urgent:
		return
	case <-w.queue.lazy:
	}
	select {
	case <-w.queue.urgent:
	case <-time.After(recordPace):
	}
}

// gather lets those go on first who are about to write, too: a batch costs about the
// same however many share it, and without this the writer would be at work on small
// ones while their senders wait for a processor. Nobody waits for anything but that.
func (w *writer) gather() {
	const rounds = 100
	waiting := w.queue.len()
	for range rounds {
		runtime.Gosched()
		more := w.queue.len()
		if more == waiting {
			return
		}
		waiting = more
	}
}

// batch takes what is waiting. Records go along only when their pace allows,
// so that a flood of requests that fire nothing costs those that do neither
// much time nor much of the disk.
func (w *writer) batch(now time.Time) []task {
	quota := 0
	if now.Sub(w.lastRecords) >= recordPace {
		quota, w.lastRecords = recordBatch, now
	}
	return w.complete(w.queue.take(quota))
}

// rest takes what is left after the queue was closed, in batches like any other.
func (w *writer) rest() []task {
	return w.complete(w.queue.take(recordBatch))
}

// complete joins tasks and records, and adds the chores that are due.
func (w *writer) complete(tasks, records []task) []task {
	tasks = append(tasks, records...)
	clear(records) // the queue still holds the array
	for _, ids := range []*counter{w.deliveries, w.runs} {
		if ids.low() {
			tasks = append(tasks, ids.renewal())
		}
	}
	return append(tasks, w.pruning(tasks)...)
}

// commit carries out a batch. When one task fails, the others must not suffer:
// each is tried again in a transaction of its own. When the transaction
// fails, the disk does, and all of them hear of it; the next batch tries anew.
func (w *writer) commit(batch []task) error {
	if len(batch) == 0 {
		return nil
	}
	err := w.transact(batch)
	if _, ok := errors.AsType[taskError](err); ok && len(batch) > 1 {
		return w.commitEach(batch)
	}
	for _, t := range batch {
		t.done(err)
	}
	return err
}

func (w *writer) commitEach(batch []task) error {
	var errs []error
	for i := range batch {
		errs = append(errs, w.commit(batch[i:i+1]))
	}
	return errors.Join(errs...)
}

// A taskError is the error of one task, not of the transaction around it.
type taskError struct{ error }

func (e taskError) Unwrap() error { return e.error }

// transact carries out the tasks in one transaction, and returns nil once it
// is on disk. Whatever fails, the connection is ready for the next one.
func (w *writer) transact(tasks []task) error {
	if _, err := w.tx.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	for _, t := range tasks {
		if err := t.do(w.tx); err != nil {
			w.rollback()
			return taskError{err}
		}
	}
	if _, err := w.tx.exec("COMMIT"); err != nil {
		w.rollback()
		return fmt.Errorf("committing to disk: %w", err)
	}
	w.tx.definitions.committed()
	return nil
}

// rollback makes the connection ready for the next transaction. It fails only
// where SQLite, out of space, has already rolled back by itself.
func (w *writer) rollback() {
	_, _ = w.tx.exec("ROLLBACK")
	w.tx.definitions.forget()
}
