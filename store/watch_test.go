package store

import (
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func TestWatchState(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save := func(watch, key, value string, at time.Time) {
		t.Helper()
		if err := s.SaveWatchState(t.Context(), watch, key, []byte(value), at); err != nil {
			t.Fatal(err)
		}
	}
	want := func(watch, key, value string) {
		t.Helper()
		got, err := s.WatchState(t.Context(), watch, key)
		if err != nil || string(got) != value {
			t.Errorf("%s %s is %q, %v; want %q", watch, key, got, err, value)
		}
	}
	want("a", "x", "")
	save("a", "x", `{"n":1}`, noon)
	save("a", "x", `{"n":2}`, noon)
	save("a", "y", `{"n":3}`, noon.Add(-100*day))
	save("b", "x", `{"n":4}`, noon.Add(-80*day))
	want("a", "x", `{"n":2}`)
	want("b", "x", `{"n":4}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	pruneAt(t, s, noon, rules.Keep{Deliveries: day, Runs: day, Output: 1})
	want("a", "x", `{"n":2}`)
	want("a", "y", "") // not saved for three months
	want("b", "x", `{"n":4}`)
}

func TestLastEvent(t *testing.T) {
	s := openTemp(t)
	came := func(hook string, ago time.Duration, change func(*rules.Delivery)) {
		t.Helper()
		d := newDelivery(hook, "")
		d.ReceivedAt = noon.Add(-ago)
		if change != nil {
			change(d)
		}
		if d.Verdict == rules.Accepted {
			accept(t, s, d, newRun(hook, "redeploy"))
			return
		}
		s.Record(d)
		flush(t, s)
	}
	accepted := func(d *rules.Delivery) { d.Verdict = rules.Accepted }
	came("/a", 9*time.Hour, accepted)
	came("/a", 5*time.Hour, func(d *rules.Delivery) {
		d.Verdict, d.Decisions = rules.Throttled, []rules.Decision{{Rule: "redeploy"}, {Rule: "other", Matched: true}}
	})
	came("/a", 4*time.Hour, func(d *rules.Delivery) { d.Verdict, d.ReplayOf = rules.Accepted, 1 })
	came("/a", 3*time.Hour, nil) // ignored
	came("/a", 2*time.Hour, func(d *rules.Delivery) { d.Verdict = rules.Rejected })
	came("/b", time.Hour, accepted)
	for _, c := range []struct {
		hook, rule string
		since      time.Duration
		want       time.Duration // 0: none
	}{
		{"/a", "", 24 * time.Hour, 5 * time.Hour},
		{"/a", "redeploy", 24 * time.Hour, 9 * time.Hour},
		{"/a", "other", 24 * time.Hour, 5 * time.Hour},
		{"/a", "third", 24 * time.Hour, 0},
		{"/a", "redeploy", 9 * time.Hour, 0},
		{"/b", "", 24 * time.Hour, time.Hour},
		{"/c", "", 24 * time.Hour, 0},
	} {
		got, err := s.LastEvent(t.Context(), c.hook, c.rule, noon.Add(-c.since))
		if err != nil || (c.want == 0) != got.IsZero() || c.want != 0 && !got.Equal(noon.Add(-c.want)) {
			t.Errorf("%s %s since %v: %v, %v", c.hook, c.rule, c.since, got, err)
		}
	}
}

// Of an event that nobody has to see nothing is kept unless it fires.
func TestRoutineIsKeptOnlyIfAccepted(t *testing.T) {
	s := openTemp(t)
	for i := range 3 {
		d, run := newDelivery("watch/a", ""), newRun("watch/a", "rule")
		d.ReceivedAt, d.Routine = noon.Add(time.Duration(i)*time.Minute), true
		run.Command.Throttle = &rules.Throttle{Every: rules.Duration(time.Hour)}
		accept(t, s, d, run)
		if want := i > 0; (d.Verdict == rules.Throttled) != want {
			t.Errorf("event %d is %s", i, d.Verdict)
		}
	}
	list, err := s.Deliveries(t.Context(), rules.DeliveryFilter{})
	if err != nil || len(list) != 1 || list[0].Verdict != rules.Accepted {
		t.Errorf("kept are %d, %v", len(list), err)
	}
}
