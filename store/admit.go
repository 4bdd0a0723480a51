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

	// A run that waits for a person may do so for days, and keeps no other out.
	// Neither does one whose hook is paused.
	groupCount = `SELECT count(*) FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND hold = ''
		AND (state = 'running' OR hook NOT IN (SELECT value FROM json_each(?)))`
	groupHeld    = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND hold <> '' ORDER BY id`
	groupBefore  = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND state <> 'running' AND id < ? ORDER BY id`
	groupWaiting = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND state <> 'running' ORDER BY id`
	groupRunning = `SELECT id FROM run INDEXED BY run_group WHERE ` + inGroup + ` AND state = 'running' ORDER BY id`

	recentlyFired = `SELECT count(*) FROM run INDEXED BY run_throttle
		WHERE hook = ? AND rule = ? AND throttle_key = ? AND throttle_key IS NOT NULL
		AND queued_at > ? AND queued_at < ? AND state <> 'skipped' AND rerun_of = 0`

	// A burst is over when its run waits only for a person any more.
	inBurst = `hook = ? AND rule = ? AND debounce_key = ? AND debounce_key IS NOT NULL
		AND state = 'waiting' AND attempt = 0 AND (hold = '' OR not_before > ?)`
	burstRuns  = `SELECT id FROM run INDEXED BY run_debounce WHERE ` + inBurst + ` AND delivery <> ? ORDER BY id`
	burstBegan = `SELECT coalesce(min(burst_at), 0) FROM run INDEXED BY run_debounce WHERE ` + inBurst

	supersede = `UPDATE run SET state = 'superseded', error = ?, finished_at = ?, not_before = NULL, hold = '' WHERE id = ?`
)

// An admission stores a delivery with its new runs, unless it was seen before, and
// decides what becomes of those that come too soon or find their group busy. All of it happens in one
// transaction: so two events never both find the way free, and what is told is
// what is on disk.
type admission struct {
	delivery  rows
	seen      sighting
	runs      []admitted
	audit     rows
	at        time.Time
	byHand    bool   // a person wants the runs, whatever fired before
	paused    string // hooks, as a JSON list
	first     int64  // the delivery that was accepted in the place of this one; mostly 0
	stored    int    // runs
	teller    teller
	displaced runner.Displaced
}

// An admitted run is a copy with its command encoded: the caller may go away.
type admitted struct {
	runner.Run
	state     runner.State // as it came, like hold: the task may be repeated
	hold      runner.Hold
	command   string
	throttled bool
	told      []*runner.Run // of it
}

func (a *admission) add(r *runner.Run) error {
	if r.Command == nil {
		return fmt.Errorf("the run of rule %q has no command", r.Rule)
	}
	command, err := json.Marshal(r.Command)
	if err != nil {
		return fmt.Errorf("encoding the command of rule %q: %w", r.Rule, err)
	}
	a.runs = append(a.runs, admitted{Run: *r, state: r.State, hold: r.Hold, command: string(command)})
	return nil
}

// tell gives a caller's run what became of it.
func (a *admission) tell(i int, r *runner.Run) {
	was := a.runs[i]
	r.State, r.Error, r.FinishedAt, r.NotBefore, r.Hold = was.State, was.Error, was.FinishedAt, was.NotBefore, was.Hold
	r.By, r.Told = nil, was.told // it is written down
	if was.throttled || a.first != 0 {
		r.ID = 0
	}
}

// do is the task. It may be called again when its transaction is repeated.
func (a *admission) do(tx *tx) error {
	a.displaced, a.stored = runner.Displaced{}, 0
	var err error
	if a.first, err = a.seen.first(tx, a.at); a.first != 0 || err != nil {
		return err // a duplicate is recorded without haste
	}
	for i := range a.runs {
		if err := a.throttle(tx, &a.runs[i]); err != nil {
			return err
		}
	}
	if a.stored == 0 && len(a.runs) > 0 {
		return nil // all came too soon: the delivery is recorded without haste
	}
	if err := append(a.delivery, a.audit...).insert(tx); err != nil {
		return err
	}
	for i := range a.runs {
		if a.runs[i].throttled {
			continue
		}
		if err := a.store(tx, &a.runs[i]); err != nil {
			return err
		}
	}
	return nil
}

// throttle finds out whether the rule has fired too recently for this key.
func (a *admission) throttle(tx *tx, r *admitted) error {
	r.throttled = false
	if t := r.Command.Throttle; t != nil && !a.byHand {
		// Two that arrive together may come here in the other order, so one that
		// is a little later counts, too; one that is much later is from before
		// the clock was set back.
		every := time.Duration(t.Every)
		count, err := tx.ids(recentlyFired, r.Hook, r.Rule, t.Key, a.at.Add(-every).UnixMicro(), a.at.Add(every).UnixMicro())
		if err != nil {
			return fmt.Errorf("looking when rule %q fired last: %w", r.Rule, err)
		}
		r.throttled = count[0] > 0
	}
	if !r.throttled {
		a.stored++
	}
	return nil
}

func (a *admission) store(tx *tx, r *admitted) error {
	r.State, r.Error, r.FinishedAt, r.NotBefore, r.Hold = r.state, "", nil, nil, r.hold
	if r.Group != "" {
		if err := a.enter(tx, &r.Run); err != nil {
			return fmt.Errorf("looking at the group %q: %w", r.Group, err)
		}
	}
	var burst *time.Time
	if r.Command.Debounce != nil && r.State != runner.Skipped && !a.byHand {
		var err error
		if burst, err = a.debounce(tx, &r.Run); err != nil {
			return fmt.Errorf("looking at the burst of rule %q: %w", r.Rule, err)
		}
	}
	if err := (rows{runRow(&r.Run, r.command, burst)}).insert(tx); err != nil {
		return err
	}
	var err error
	r.told, err = a.teller.tell(tx, &r.Run, a.at)
	return err
}

// debounce makes a run wait until its burst is over, in the place of the one
// before it. It returns when the burst began.
func (a *admission) debounce(tx *tx, r *runner.Run) (*time.Time, error) {
	d := r.Command.Debounce
	now := a.at.UnixMicro()
	began, err := tx.ids(burstBegan, r.Hook, r.Rule, d.Key, now)
	if err != nil {
		return nil, err
	}
	before, err := tx.ids(burstRuns, r.Hook, r.Rule, d.Key, now, r.Delivery)
	if err != nil {
		return nil, err
	}
	burst := a.at
	if began[0] > 0 {
		burst = moment(began[0])
	}
	due := a.at.Add(time.Duration(d.Quiet))
	if last := burst.Add(time.Duration(d.Max)); due.After(last) {
		due = last
	}
	r.State, r.NotBefore = runner.Waiting, &due
	return &burst, a.supersede(tx, before, r.ID)
}

// enter decides whether a run may wait for its turn in its group, and who has to
// leave for it.
func (a *admission) enter(tx *tx, r *runner.Run) error {
	switch c := r.Command.Concurrency; c.Busy {
	case rules.Skip:
		count, err := tx.ids(groupCount, c.Group, a.paused)
		if err != nil {
			return err
		}
		if count[0] >= int64(c.Limit) {
			r.State, r.Error, r.FinishedAt, r.Hold = runner.Skipped, fmt.Sprintf("the group %q was busy", c.Group), &a.at, ""
		}
	case rules.Replace, rules.Latest:
		return a.takePlace(tx, r, groupWaiting, c.Group)
	}
	return nil
}

// takePlace ends the runs in whose place this one comes. One that has to be
// approved first only takes that of others like it.
func (a *admission) takePlace(tx *tx, r *runner.Run, waiting string, args ...any) error {
	if r.Hold != "" {
		waiting = groupHeld
	} else if r.Command.Concurrency.Busy == rules.Replace {
		running, err := tx.ids(groupRunning, r.Group)
		if err != nil {
			return err
		}
		for _, id := range running {
			a.displaced.Running = append(a.displaced.Running, runner.Succession{Run: id, By: r.ID})
		}
	}
	ids, err := tx.ids(waiting, args...)
	if err != nil {
		return err
	}
	return a.supersede(tx, ids, r.ID)
}

func (a *admission) supersede(tx *tx, runs []int64, by int64) error {
	for _, id := range runs {
		s := runner.Succession{Run: id, By: by}
		if _, err := tx.exec(supersede, s.String(), a.at.UnixMicro(), id); err != nil {
			return err
		}
		a.displaced.Waiting = append(a.displaced.Waiting, s)
		told, err := a.teller.superseded(tx, id, a.at)
		if err != nil {
			return err
		}
		a.displaced.Told = append(a.displaced.Told, told...)
		if err := a.recall(tx, id, by); err != nil {
			return err
		}
	}
	return nil
}

// recall ends what was to ask about a run as soon as its burst is over.
func (a *admission) recall(tx *tx, run, by int64) error {
	ids, err := a.teller.recall(tx, run, a.at)
	for _, id := range ids {
		a.displaced.Waiting = append(a.displaced.Waiting, runner.Succession{Run: id, By: by})
	}
	return err
}
