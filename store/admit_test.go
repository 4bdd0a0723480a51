package store

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

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

// arrive accepts a run at a time after noon.
func arrive(t *testing.T, s *Store, after time.Duration, r *runner.Run) (*rules.Delivery, runner.Displaced) {
	t.Helper()
	d := newDelivery("/a", "")
	d.ReceivedAt = noon.Add(after)
	r.QueuedAt = d.ReceivedAt
	displaced, err := s.Accept(t.Context(), d, []*runner.Run{r})
	if err != nil {
		t.Fatal(err)
	}
	return d, displaced
}

func newPaced(rule string, throttle *rules.Throttle, debounce *rules.Debounce) *runner.Run {
	r := newRun("/a", rule)
	command := *r.Command
	command.Throttle, command.Debounce = throttle, debounce
	r.Command = &command
	return r
}

// The first passes, the rest of the time does not; keys and rules are apart;
// what is throttled is recorded and makes no run.
func TestThrottle(t *testing.T) {
	s := openTemp(t)
	for i, c := range []struct {
		after     time.Duration
		rule, key string
		passes    bool
	}{
		{0, "r", "a", true},
		{time.Second, "r", "a", false},
		{time.Second, "r", "b", true},
		{time.Second, "other", "a", true},
		{time.Hour - time.Microsecond, "r", "a", false},
		{time.Hour, "r", "a", true},
		{time.Hour + time.Minute, "r", "a", false},
		{time.Minute, "r", "a", false},   // arrived before the last one, and comes here after it
		{-2 * time.Hour, "r", "a", true}, // the clock was set back
		{-2*time.Hour + 1, "r", "a", false},
	} {
		r := newPaced(c.rule, &rules.Throttle{Every: rules.Duration(time.Hour), Key: c.key}, nil)
		d, _ := arrive(t, s, c.after, r)
		if passed := r.ID != 0; passed != c.passes || (d.Verdict == rules.Throttled) == c.passes {
			t.Errorf("%d: run %d, verdict %s", i, r.ID, d.Verdict)
		}
		if got, err := s.Delivery(t.Context(), d.ID); err != nil || got.Verdict != d.Verdict || got.Reason != d.Reason {
			t.Errorf("%d: recorded %+v, %v", i, got, err)
		}
	}
	if list, err := s.Runs(t.Context(), runner.RunFilter{}); err != nil || len(list) != 5 {
		t.Errorf("%d runs, %v", len(list), err)
	}
}

func TestThrottleInTheSameInstant(t *testing.T) {
	s := openTemp(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			r := newPaced("r", &rules.Throttle{Every: rules.Duration(time.Hour)}, nil)
			if _, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{r}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list, err := s.Runs(t.Context(), runner.RunFilter{}); err != nil || len(list) != 1 {
		t.Errorf("%d runs, %v", len(list), err)
	}
}

// One rule may be throttled while another of the same delivery is not.
func TestThrottleOfOneRuleOfTwo(t *testing.T) {
	s := openTemp(t)
	throttle := &rules.Throttle{Every: rules.Duration(time.Hour)}
	arrive(t, s, 0, newPaced("r", throttle, nil))
	throttled, free := newPaced("r", throttle, nil), newRun("/a", "free")
	d := newDelivery("/a", "")
	if _, err := s.Accept(t.Context(), d, []*runner.Run{throttled, free}); err != nil {
		t.Fatal(err)
	}
	if d.Verdict != rules.Accepted || throttled.ID != 0 || free.ID == 0 {
		t.Errorf("%s, runs %d and %d", d.Verdict, throttled.ID, free.ID)
	}
}

// The last of a burst runs, when it has been quiet, but no later than the
// maximum after the first; what has begun is not part of a burst any more.
func TestDebounce(t *testing.T) {
	s := openTemp(t)
	debounce := func(key string) *runner.Run {
		return newPaced("r", nil, &rules.Debounce{Quiet: rules.Duration(30 * time.Second), Max: rules.Duration(time.Minute), Key: key})
	}
	first, second, third, other := debounce("a"), debounce("a"), debounce("a"), debounce("b")
	for _, step := range []struct {
		after time.Duration
		run   *runner.Run
		due   time.Duration
		ends  *runner.Run
	}{
		{0, first, 30 * time.Second, nil},
		{20 * time.Second, second, 50 * time.Second, first},
		{30 * time.Second, other, time.Minute, nil},
		{45 * time.Second, third, time.Minute, second}, // not 75 s
	} {
		_, displaced := arrive(t, s, step.after, step.run)
		if step.run.State != runner.Waiting || !step.run.NotBefore.Equal(noon.Add(step.due)) {
			t.Errorf("after %v: %s until %v", step.after, step.run.State, step.run.NotBefore.Sub(noon))
		}
		var want []runner.Succession
		if step.ends != nil {
			want = []runner.Succession{{Run: step.ends.ID, By: step.run.ID}}
		}
		if !slices.Equal(displaced.Waiting, want) || displaced.Running != nil {
			t.Errorf("after %v: displaced %+v", step.after, displaced)
		}
	}
	places, err := s.Unfinished(t.Context(), runner.Waiting)
	if err != nil || len(places) != 2 || !places[1].NotBefore.Equal(noon.Add(time.Minute)) {
		t.Errorf("waiting are %+v, %v", places, err)
	}
	third.State, third.Attempt = runner.Running, 1
	if err := s.Take(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	next := debounce("a")
	if _, displaced := arrive(t, s, 2*time.Minute, next); len(displaced.Waiting) != 0 || !next.NotBefore.Equal(noon.Add(150*time.Second)) {
		t.Errorf("a new burst: %+v until %v", displaced, next.NotBefore)
	}
}

// A run that would wait again, to be tried again or because it was interrupted,
// does not come back when a newer one has taken its place: not even where that
// one is over already.
func TestARunThatWouldWaitAgainGivesWay(t *testing.T) {
	for _, busy := range []rules.Busy{rules.Queue, rules.Skip, rules.Latest, rules.Replace} {
		for _, again := range []runner.State{runner.Waiting, runner.Queued} {
			for _, newer := range []runner.State{runner.Queued, runner.Running, runner.Succeeded, runner.Canceled} {
				s := openTemp(t)
				old, next, other := newGrouped("g", busy), newGrouped("g", busy), newGrouped("other", busy)
				enter(t, s, old)
				old.State = runner.Running
				update(t, s, old, nil)
				enter(t, s, next)
				enter(t, s, other)
				if next.State != runner.Skipped {
					next.State, next.FinishedAt = newer, &noon
					update(t, s, next, nil)
				}
				old.State, old.NotBefore = again, &noon
				update(t, s, old, nil)

				want := again
				if (busy == rules.Latest || busy == rules.Replace) && newer != runner.Canceled {
					want = runner.Superseded
				}
				stored, err := s.Run(t.Context(), old.ID)
				if err != nil || stored.State != want || old.State != want || (want == runner.Superseded) != (stored.NotBefore == nil) {
					t.Errorf("%s, again %s, the newer %s: %+v, told %s, %v", busy, again, newer, stored, old.State, err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
