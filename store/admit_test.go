package store

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// newGrouped is a run of a group that takes one at once.
func newGrouped(group string, busy rules.Busy) *runner.Run {
	r := newRun("/a", "redeploy")
	r.Group = group
	command := *r.Command
	command.Concurrency = &rules.Concurrency{Group: group, Limit: 1, Busy: busy}
	r.Command = &command
	return r
}

// enter accepts a run and returns whom it displaced.
func enter(t *testing.T, s *Store, r *runner.Run) runner.Displaced {
	t.Helper()
	displaced, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{r})
	if err != nil {
		t.Fatal(err)
	}
	return displaced
}

func stateOf(t *testing.T, s *Store, r *runner.Run) runner.State {
	t.Helper()
	got, err := s.Run(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State.Ended() != (got.FinishedAt != nil) || (got.State == runner.Superseded || got.State == runner.Skipped) != (got.Error != "") {
		t.Errorf("%+v", got)
	}
	return got.State
}

func TestBusyGroup(t *testing.T) {
	for _, c := range []struct {
		busy            rules.Busy
		newest          runner.State
		queued, running runner.State // what becomes of those
		endsTheRunning  bool
	}{
		{rules.Queue, runner.Queued, runner.Queued, runner.Running, false},
		{rules.Skip, runner.Skipped, runner.Queued, runner.Running, false},
		{rules.Latest, runner.Queued, runner.Superseded, runner.Running, false},
		{rules.Replace, runner.Queued, runner.Superseded, runner.Running, true},
	} {
		t.Run(string(c.busy), func(t *testing.T) {
			s := openTemp(t)
			running, queued, newest := newGrouped("g", rules.Queue), newGrouped("g", rules.Queue), newGrouped("g", c.busy)
			enter(t, s, running)
			running.State = runner.Running
			update(t, s, running, nil)
			enter(t, s, queued)
			elsewhere, none := newGrouped("other", rules.Queue), newRun("/a", "redeploy")
			enter(t, s, elsewhere)
			enter(t, s, none)

			displaced := enter(t, s, newest)
			for run, want := range map[*runner.Run]runner.State{
				newest: c.newest, queued: c.queued, running: c.running, elsewhere: runner.Queued, none: runner.Queued,
			} {
				if got := stateOf(t, s, run); got != want {
					t.Errorf("run %d is %s, want %s", run.ID, got, want)
				}
			}
			if newest.State != c.newest {
				t.Errorf("the caller is told %s", newest.State)
			}
			var want runner.Displaced
			if c.queued == runner.Superseded {
				want.Waiting = []runner.Succession{{Run: queued.ID, By: newest.ID}}
			}
			if c.endsTheRunning {
				want.Running = []runner.Succession{{Run: running.ID, By: newest.ID}}
			}
			if !reflect.DeepEqual(displaced, want) {
				t.Errorf("displaced %+v, want %+v", displaced, want)
			}
		})
	}
}

func TestSkipEntersAFreeGroup(t *testing.T) {
	s := openTemp(t)
	first, second := newGrouped("g", rules.Skip), newGrouped("g", rules.Skip)
	enter(t, s, first)
	if first.State != runner.Queued {
		t.Errorf("the first is %s", first.State)
	}
	first.State, first.FinishedAt = runner.Succeeded, &noon
	update(t, s, first, nil)
	if enter(t, s, second); second.State != runner.Queued {
		t.Errorf("after its end the next is %s", second.State)
	}
}

// Two rules of one delivery may be of one group: the second finds the first.
func TestRunsOfOneDeliveryMeet(t *testing.T) {
	s := openTemp(t)
	first, second := newGrouped("g", rules.Skip), newGrouped("g", rules.Skip)
	if _, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{first, second}); err != nil {
		t.Fatal(err)
	}
	if first.State != runner.Queued || second.State != runner.Skipped {
		t.Errorf("%s and %s", first.State, second.State)
	}
}

// However many come in the same instant, one finds the group free, and of those
// that only want to be the latest one is left.
func TestBusyGroupInTheSameInstant(t *testing.T) {
	for _, busy := range []rules.Busy{rules.Skip, rules.Latest, rules.Replace} {
		s := openTemp(t)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{newGrouped("g", busy)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		places, err := s.Unfinished(t.Context(), runner.Queued)
		if err != nil || len(places) != 1 || places[0].Group != "g" || places[0].Limit != 1 {
			t.Errorf("%s: %+v, %v", busy, places, err)
		}
	}
}

func TestTake(t *testing.T) {
	s := openTemp(t)
	var could []string
	for _, state := range runner.States {
		r := newRun("/a", "redeploy")
		accept(t, s, newDelivery("/a", ""), r)
		r.State = state
		update(t, s, r, nil)
		r.State = runner.Running
		if err := s.Take(t.Context(), r); err == nil {
			could = append(could, string(state))
		}
		if got, err := s.Run(t.Context(), r.ID); err != nil || got.State != state && got.State != runner.Running {
			t.Errorf("%s became %+v, %v", state, got, err)
		}
	}
	if want := []string{"queued", "waiting"}; !slices.Equal(could, want) {
		t.Errorf("could take %v, want %v", could, want)
	}
}

// A database of the first schema is taken over with all that is in it.
func TestUpgradeKeepsRuns(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", "body"), r)
	for _, text := range []string{
		`DROP INDEX run_group`,
		`ALTER TABLE run DROP COLUMN "group"`, `ALTER TABLE run DROP COLUMN group_limit`,
		`ALTER TABLE run DROP COLUMN failures`, `ALTER TABLE run DROP COLUMN not_before`,
		`PRAGMA user_version = 1`,
	} {
		err := s.submit(t.Context(), func(tx *tx) error { _, err := tx.exec(text); return err })
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", text, err))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	got, err := s.Run(t.Context(), r.ID)
	if err != nil || got.State != runner.Queued || got.Group != "" || got.Command == nil {
		t.Errorf("%+v, %v", got, err)
	}
}
