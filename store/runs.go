package store

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

var _ runner.Store = (*Store)(nil)

const (
	// queued_at never changes; to name it would have SQLite write three indexes anew.
	updateRun = `UPDATE run SET state = ?, attempt = ?, exit_code = ?, signal = ?, error = ?,
		started_at = ?, finished_at = ?, failures = ?, not_before = ?, hold = ? WHERE id = ?`
	takeRun = updateRun + ` AND (state = 'queued' OR state = 'waiting')`

	// successors are the newer runs of a group that let no older one wait.
	successors = `SELECT coalesce(max(id), 0) FROM run INDEXED BY run_of_group
		WHERE "group" = ? AND "group" <> '' AND id > ? AND state <> 'skipped' AND state <> 'canceled' AND hold = ''
		AND json_extract(command, '$.concurrency.busy') IN ('latest', 'replace')`

	updateCanceling = `UPDATE run SET canceling = 1 WHERE id = ?`

	updateProcess = `UPDATE run SET process = ? WHERE id = ?`

	// Whoever stopped waiting for a write may repeat it.
	insertOutput = `INSERT INTO output (run, attempt, seq, packed, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET packed = excluded.packed, data = excluded.data`
)

// Update writes how far a run has come, with a last piece of its output (nil
// for none), in one transaction, and returns nil once that is on disk. A run that
// would wait again comes back as superseded if a newer one of its group has taken
// its place. The error wraps fs.ErrNotExist if there is no such run. When ctx ends first, the
// write may still happen; writing the same again does no harm.
func (s *Store) Update(ctx context.Context, run *runner.Run, output *runner.Chunk) error {
	id, args := run.ID, updateArgs(run)
	var last rows
	printed := 0
	if output != nil {
		row, size := outputRow(output)
		last, printed = rows{row}, size
	}
	group, again := run.Group, run.State == runner.Queued || run.State == runner.Waiting
	var successor int64
	by, told := auditOf(run), newTelling(run)
	err := s.submitThen(ctx, func(tx *tx) error {
		if err := change(tx, id, updateRun, args); err != nil {
			return err
		}
		if err := by.insert(tx); err != nil {
			return err
		}
		if again && group != "" {
			var err error
			if successor, err = giveWay(tx, group, id); err != nil {
				return err
			}
			told.supersededBy(successor)
		}
		if err := told.do(tx, s.teller()); err != nil {
			return err
		}
		return last.insert(tx)
	}, func() { s.pruner.printed(printed) })
	if err != nil {
		return fmt.Errorf("storing the state of run %d: %w", id, err)
	}
	if successor > 0 {
		now := time.Now()
		run.State, run.NotBefore, run.FinishedAt = runner.Superseded, nil, &now
		run.Error = runner.Succession{Run: id, By: successor}.String()
	}
	run.Told = told.runs
	return nil
}

// giveWay supersedes a run that would wait again, to be tried again or because it
// was interrupted, if a newer one of its group has taken its place meanwhile. It
// returns that one, 0 if there is none.
func giveWay(tx *tx, group string, id int64) (int64, error) {
	newer, err := tx.ids(successors, group, id)
	if err != nil || newer[0] == 0 {
		return 0, err
	}
	s := runner.Succession{Run: id, By: newer[0]}
	_, err = tx.exec(supersede, s.String(), time.Now().UnixMicro(), id)
	return newer[0], err
}

func updateArgs(run *runner.Run) []any {
	return []any{string(run.State), run.Attempt, exitCode(run.ExitCode), run.Signal, run.Error,
		micros(run.StartedAt), micros(run.FinishedAt), run.Failures, micros(run.NotBefore), string(run.Hold), run.ID}
}

// Take is Update for a run that still has to be queued or waiting on disk. If it
// is not, because a newer one has taken its place, the error wraps
// fs.ErrNotExist and nothing is written.
func (s *Store) Take(ctx context.Context, run *runner.Run) error {
	args, by, told := updateArgs(run), auditOf(run), newTelling(run)
	err := s.submit(ctx, func(tx *tx) error {
		n, err := tx.exec(takeRun, args...)
		if err == nil && n == 0 {
			return fmt.Errorf("it is queued no more: %w", fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
		if err := told.do(tx, s.teller()); err != nil {
			return err
		}
		if told.of.State.Ended() { // canceled or rejected: nobody needs to be asked
			if _, err := s.teller().recall(tx, told.of.ID, time.Now()); err != nil {
				return err
			}
		}
		return by.insert(tx)
	})
	if err != nil {
		return fmt.Errorf("taking run %d: %w", run.ID, err)
	}
	run.Told = told.runs
	return nil
}

// Approve is Take for a run that waited for a person and does not any longer, and
// has it take the place of the older ones of its group, if that is its policy.
func (s *Store) Approve(ctx context.Context, run *runner.Run) (runner.Displaced, error) {
	args, by := updateArgs(run), auditOf(run)
	approved := *run
	a := &admission{at: time.Now(), teller: s.teller()}
	err := s.submit(ctx, func(tx *tx) error {
		a.displaced = runner.Displaced{}
		n, err := tx.exec(takeRun, args...)
		if err == nil && n == 0 {
			return fmt.Errorf("it waits no more: %w", fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
		if err := a.recall(tx, approved.ID, approved.ID); err != nil {
			return err
		}
		if c := approved.Command.Concurrency; c != nil && (c.Busy == rules.Replace || c.Busy == rules.Latest) {
			if err := a.takePlace(tx, &approved, groupBefore, c.Group, approved.ID); err != nil {
				return fmt.Errorf("looking at the group %q: %w", c.Group, err)
			}
		}
		return by.insert(tx)
	})
	if err != nil {
		return runner.Displaced{}, fmt.Errorf("approving run %d: %w", run.ID, err)
	}
	return a.displaced, nil
}

// NoteCancel keeps that a running run is to be ended, and by whom (nil for
// nobody), and returns nil once that is on disk.
func (s *Store) NoteCancel(ctx context.Context, run int64, by *runner.AuditEntry) error {
	audit := auditRows(by)
	err := s.submit(ctx, func(tx *tx) error {
		if err := change(tx, run, updateCanceling, []any{run}); err != nil {
			return err
		}
		return audit.insert(tx)
	})
	if err != nil {
		return fmt.Errorf("storing that run %d is canceled: %w", run, err)
	}
	return nil
}

// AppendOutput keeps a piece of output, and returns nil once it is on disk.
// A piece that is there already is replaced.
func (s *Store) AppendOutput(ctx context.Context, output *runner.Chunk) error {
	row, size := outputRow(output)
	if err := s.submitThen(ctx, rows{row}.insert, func() { s.pruner.printed(size) }); err != nil {
		return fmt.Errorf("storing output %d of run %d, attempt %d: %w", output.Seq, output.Run, output.Attempt, err)
	}
	return nil
}

// NoteProcess keeps the name of a run's process tree with the next batch,
// without waiting for it.
func (s *Store) NoteProcess(run int64, process string) {
	s.queue.putLazy(task{
		do: func(tx *tx) error { return change(tx, run, updateProcess, []any{process, run}) },
		done: func(err error) {
			if err != nil {
				s.log.Warn("the process of a run could not be noted; should this server end now, "+
					"it will not be found again", "run", run, "error", err)
			}
		},
	})
}

// change updates one run, which must exist.
func change(tx *tx, run int64, text string, args []any) error {
	n, err := tx.exec(text, args...)
	if err == nil && n == 0 {
		return missing{"run", run}
	}
	return err
}

// outputRow is the row of a piece of output, and how many bytes of it that is.
func outputRow(c *runner.Chunk) (row, int) {
	p := pack(c.Data)
	return row{text: insertOutput, args: []any{c.Run, c.Attempt, c.Seq, p.s2, p.data}}, len(p.data)
}
