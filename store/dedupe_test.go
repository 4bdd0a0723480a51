package store

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// newKnown is a delivery of an event of that key, some time after noon.
func newKnown(key string, after time.Duration) *rules.Delivery {
	d := newDelivery("/a", "{}")
	d.ReceivedAt, d.DedupeKey, d.DedupeWithin = noon.Add(after), key, time.Hour
	return d
}

// again accepts a delivery with a run, and returns the delivery in whose place it
// would have run, 0 if it is new.
func again(t *testing.T, s *Store, d *rules.Delivery) int64 {
	t.Helper()
	run := newRun(d.Hook, "redeploy")
	accept(t, s, d, run)
	switch stored, err := s.RunsOf(t.Context(), []int64{d.ID}); {
	case err != nil:
		t.Fatal(err)
	case d.Verdict == rules.Accepted && (len(stored[d.ID]) != 1 || run.ID == 0 || d.DuplicateOf != 0):
		t.Errorf("accepted with %d runs, as a duplicate of %d", len(stored[d.ID]), d.DuplicateOf)
	case d.Verdict == rules.Duplicate && (len(stored[d.ID]) != 0 || run.ID != 0 || d.DuplicateOf == 0):
		t.Errorf("a duplicate of %d with %d runs", d.DuplicateOf, len(stored[d.ID]))
	}
	return d.DuplicateOf
}

func TestSeenBefore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	first := newKnown("push 1", 0)
	if again(t, s, first) != 0 {
		t.Error("the first was seen before")
	}
	elsewhere, unknown, off := newKnown("push 1", 0), newKnown("", 0), newKnown("push 1", 0)
	elsewhere.Hook, off.DedupeWithin = "/b", 0
	for name, c := range map[string]struct {
		d    *rules.Delivery
		want bool // a duplicate
	}{
		"at once":                    {newKnown("push 1", 0), true},
		"later":                      {newKnown("push 1", time.Hour-time.Microsecond), true},
		"earlier, as the clock says": {newKnown("push 1", -time.Minute), true},
		"too late":                   {newKnown("push 1", time.Hour), false},
		"before the clock was set":   {newKnown("push 1", -time.Hour), false},
		"another event":              {newKnown("push 2", 0), false},
		"another hook":               {elsewhere, false},
		"without a key":              {unknown, false},
		"without a key, again":       {newKnown("", 0), false},
		"of a hook that does not":    {off, false},
	} {
		t.Run(name, func(t *testing.T) {
			// Each on a copy of its own: what is accepted counts as seen.
			s, first := openTemp(t), newKnown("push 1", 0)
			again(t, s, first)
			if got := again(t, s, c.d); c.want && got != first.ID || !c.want && got != 0 {
				t.Errorf("a duplicate of %d, want one: %v", got, c.want)
			}
		})
	}

	// Over a restart, and kept among the deliveries.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	d := newKnown("push 1", time.Minute)
	if got := again(t, s, d); got != first.ID {
		t.Errorf("after a restart: %d", got)
	}
	flush(t, s)
	got, err := s.Delivery(t.Context(), d.ID)
	if err != nil || got.Verdict != rules.Duplicate || got.DuplicateOf != first.ID || got.DedupeKey != "push 1" || got.Reason != "seen before, as delivery 1" {
		t.Errorf("kept %+v, %v", got, err)
	}
}

// What was not accepted was not seen, and what a person sends again runs.
func TestOnlyWhatWasAcceptedWasSeen(t *testing.T) {
	s := openTemp(t)
	for _, verdict := range []rules.Verdict{rules.Ignored, rules.Errored, rules.Rejected} {
		d := newKnown("push 1", 0)
		d.Verdict = verdict
		s.Record(d)
	}
	flush(t, s)
	throttle := func(key string) *rules.Delivery {
		d, run := newKnown(key, 0), newPaced("redeploy", &rules.Throttle{Every: rules.Duration(time.Hour)}, nil)
		accept(t, s, d, run)
		return d
	}
	throttle("another")
	if d := throttle("push 1"); d.Verdict != rules.Throttled {
		t.Fatalf("it is %s", d.Verdict)
	}
	flush(t, s)
	replay := newKnown("push 1", 0)
	replay.ReplayOf = 1
	if again(t, s, replay) != 0 {
		t.Error("none was accepted, and a replay is a duplicate")
	}
	second := newKnown("push 1", 0)
	second.ReplayOf = 1
	if again(t, s, second) != 0 {
		t.Error("a person sends it again, and it is a duplicate")
	}
	if got := again(t, s, newKnown("push 1", time.Minute)); got != replay.ID {
		t.Errorf("what a person sent again was accepted, and the provider's own is a duplicate of %d, not %d", got, replay.ID)
	}
}

// However many come in the same instant, one is accepted.
func TestSeenInTheSameInstant(t *testing.T) {
	s := openTemp(t)
	var mu sync.Mutex
	verdicts := map[rules.Verdict]int{}
	var firsts []int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			d := newKnown("push 1", 0)
			if _, err := s.Accept(t.Context(), d, []*runner.Run{newRun("/a", "redeploy")}); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			verdicts[d.Verdict]++
			firsts = append(firsts, d.DuplicateOf)
		})
	}
	all.Wait()
	slices.Sort(firsts)
	if verdicts[rules.Accepted] != 1 || verdicts[rules.Duplicate] != 99 || len(slices.Compact(firsts)) != 2 {
		t.Errorf("%v, duplicates of %v", verdicts, firsts)
	}
	if places, err := s.Unfinished(t.Context(), runner.Queued); err != nil || len(places) != 1 {
		t.Errorf("%d runs, %v", len(places), err)
	}
}
