package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const (
	inGroup = `"group" = ? AND "group" <> '' AND ` + unfinished

	groupCount   = `SELECT count(*) FROM run INDEXED BY run_group WHERE ` + inGroup
	groupWaiting = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND state <> 'running' ORDER BY id`
	groupRunning = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND state = 'running' ORDER BY id`

	supersede = `UPDATE run SET state = 'superseded', error = ?, finished_at = ? WHERE id = ?`
)

// An admission stores new runs, and decides what becomes of those that find
// their group busy. Both happen in one transaction: so two events never both
// find the group free, and what is told is what is on disk.
type admission struct {
	runs      []admitted
	at        time.Time
	displaced runner.Displaced
}

// An admitted run is a copy with its command encoded: the caller may go away.
type admitted struct {
	runner.Run
	command string
}

func (a *admission) add(r *runner.Run) error {
	if r.Command == nil {
		return fmt.Errorf("the run of rule %q has no command", r.Rule)
	}
	command, err := json.Marshal(r.Command)
	if err != nil {
		return fmt.Errorf("encoding the command of rule %q: %w", r.Rule, err)
	}
	a.runs = append(a.runs, admitted{*r, string(command)})
	return nil
}

// do is the task. It may be called again when its transaction is repeated.
func (a *admission) do(tx *tx) error {
	a.displaced = runner.Displaced{}
	for i := range a.runs {
		r := &a.runs[i]
		if r.Group != "" {
			if err := a.enter(tx, &r.Run); err != nil {
				return fmt.Errorf("looking at the group %q: %w", r.Group, err)
			}
		}
		if err := (rows{runRow(&r.Run, r.command)}).insert(tx); err != nil {
			return err
		}
	}
	return nil
}

// enter decides whether a run may wait for its turn in its group, and who has to
// leave for it.
func (a *admission) enter(tx *tx, r *runner.Run) error {
	switch c := r.Command.Concurrency; c.Busy {
	case rules.Skip:
		count, err := tx.ids(groupCount, c.Group)
		if err != nil {
			return err
		}
		r.State, r.Error, r.FinishedAt = runner.Queued, "", nil
		if count[0] >= int64(c.Limit) {
			r.State, r.Error, r.FinishedAt = runner.Skipped, fmt.Sprintf("the group %q was busy", c.Group), &a.at
		}
	case rules.Replace:
		running, err := tx.ids(groupRunning, c.Group)
		if err != nil {
			return err
		}
		for _, id := range running {
			a.displaced.Running = append(a.displaced.Running, runner.Succession{Run: id, By: r.ID})
		}
		return a.supersedeWaiting(tx, r)
	case rules.Latest:
		return a.supersedeWaiting(tx, r)
	}
	return nil
}

// supersedeWaiting ends the runs of the group that have not begun.
func (a *admission) supersedeWaiting(tx *tx, r *runner.Run) error {
	waiting, err := tx.ids(groupWaiting, r.Group)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		s := runner.Succession{Run: id, By: r.ID}
		if _, err := tx.exec(supersede, s.String(), a.at.UnixMicro(), id); err != nil {
			return err
		}
		a.displaced.Waiting = append(a.displaced.Waiting, s)
	}
	return nil
}
