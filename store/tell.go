package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const (
	noteFailure = `INSERT INTO failing (hook, rule, action, key, since, last, failures) VALUES (?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET last = max(last, excluded.last), failures = failures + 1`
	failingKind  = `SELECT since FROM failing WHERE hook = ? AND rule = ? AND action = ? AND key = ?`
	failuresKind = `SELECT failures FROM failing WHERE hook = ? AND rule = ? AND action = ? AND key = ?`
	noteSuccess  = `DELETE FROM failing WHERE hook = ? AND rule = ? AND action = ? AND key = ?`
	// Of a run that has begun, somebody may have been told that it has.
	begunAndTold = `SELECT id FROM run WHERE id = ? AND attempt > 0 AND json_array_length(command, '$.tell') > 0`
	oneRun       = `SELECT ` + runColumns + `, process, canceling, command,
		coalesce((SELECT event FROM delivery WHERE delivery.id = run.delivery), '') FROM run WHERE id = ?`

	// tidings are those that tell of a run once its burst is over.
	tidings = `SELECT id FROM run INDEXED BY run_delivery WHERE delivery = (SELECT delivery FROM run WHERE id = ?)
		AND tells_of = ? AND state = 'waiting' AND attempt = 0`

	deleteFailing = `DELETE FROM failing WHERE last < ?`
)

// A teller stores, in the transaction that writes how far a run has come, the
// runs that tell people of it.
type teller struct{ ids *counter }

func (s *Store) teller() teller { return teller{s.writer.runs} }

// A telling is a copy of a run as it is written, whose caller may go away, with
// those that tell of it.
type telling struct {
	of   runner.Run
	runs []*runner.Run
}

func newTelling(run *runner.Run) *telling { return &telling{of: *run} }

// supersededBy says that the run does not come again, because another has taken
// its place; 0 for none.
func (t *telling) supersededBy(run int64) {
	if run != 0 {
		t.of.State, t.of.Error = runner.Superseded, runner.Succession{Run: t.of.ID, By: run}.String()
	}
}

func (t *telling) do(tx *tx, by teller) (err error) {
	t.runs, err = by.tell(tx, &t.of, time.Now())
	return err
}

// tell stores them and returns them, queued. A task may be repeated, so what it
// returns counts only once its transaction has.
func (t teller) tell(tx *tx, run *runner.Run, at time.Time) ([]*runner.Run, error) {
	if run.Command == nil || len(run.Command.Tell) == 0 {
		return nil, nil
	}
	streak, err := streakOf(tx, run, at)
	if err != nil {
		return nil, fmt.Errorf("looking how the runs before went: %w", err)
	}
	told := run.Tidings(streak, at)
	for _, r := range told {
		if err := t.insert(tx, r, at); err != nil {
			return nil, fmt.Errorf("storing who is told: %w", err)
		}
	}
	return told, nil
}

// superseded tells of a run that was to be tried again and gave way.
func (t teller) superseded(tx *tx, id int64, at time.Time) ([]*runner.Run, error) {
	told, err := tx.ids(begunAndTold, id)
	if err != nil || len(told) == 0 {
		return nil, err
	}
	stmt, err := tx.prepare(oneRun)
	if err != nil {
		return nil, err
	}
	run, err := scanFullRun(stmt.QueryRow(id))
	if err != nil {
		return nil, fmt.Errorf("reading run %d: %w", id, err)
	}
	return t.tell(tx, run, at)
}

// noLonger is the error of what was not told.
const noLonger = "what it was to tell is not so any more: the run waits for nobody"

// recall ends what was to ask somebody about a run that has no need of it any
// more, and returns which those are.
func (t teller) recall(tx *tx, run int64, at time.Time) ([]int64, error) {
	ids, err := tx.ids(tidings, run, run)
	if err != nil {
		return nil, fmt.Errorf("looking for what tells of run %d: %w", run, err)
	}
	for _, id := range ids {
		if _, err := tx.exec(supersede, noLonger, at.UnixMicro(), id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (t teller) insert(tx *tx, r *runner.Run, at time.Time) error {
	command, err := json.Marshal(r.Command)
	if err != nil {
		return err
	}
	r.ID = t.ids.next()
	if r.Command.Concurrency.Busy == rules.Latest {
		// The runner finds out when it would begin one of them.
		if err := (&admission{at: at, teller: t}).takePlace(tx, r, groupWaiting, r.Group); err != nil {
			return err
		}
	}
	return rows{runRow(r, string(command), nil)}.insert(tx)
}

// streakOf counts the end of a run among those of its kind.
func streakOf(tx *tx, run *runner.Run, at time.Time) (s runner.Streak, err error) {
	hook, rule, action, key := run.Kind()
	kind := []any{hook, rule, action, key}
	switch run.State {
	case runner.Failed, runner.TimedOut:
		if _, err := tx.exec(noteFailure, append(kind, at.UnixMicro(), at.UnixMicro())...); err != nil {
			return s, err
		}
	case runner.Succeeded:
	default:
		return s, nil
	}
	since, err := tx.ids(failingKind, kind...)
	if err != nil || len(since) == 0 {
		return s, err
	}
	failures, err := tx.ids(failuresKind, kind...)
	if err != nil {
		return s, err
	}
	if run.State == runner.Succeeded {
		if _, err := tx.exec(noteSuccess, kind...); err != nil {
			return s, err
		}
	}
	return runner.Streak{Failures: int(failures[0]), Since: moment(since[0])}, nil
}
