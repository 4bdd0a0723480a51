package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hooktender/hooktender/bench/past"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// writeHistory writes n ended runs past the store.
func writeHistory(t testing.TB, dir string, n int) {
	t.Helper()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := past.Write(filepath.Join(dir, "hooktender.db"), n); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkHistory is each thing that people and senders wait for, with a
// thousand runs in the database and with a million: it should take as long. Of
// the second, ratio says how many times as long as with a thousand it took.
//
//	go test ./store -run - -bench History -benchtime 300x -timeout 1h
func BenchmarkHistory(b *testing.B) {
	small := map[string]float64{}
	for _, n := range []int{1_000, 1_000_000} {
		dir := b.TempDir()
		writeHistory(b, dir, n)
		s := open(b, dir)
		for _, c := range chores(s, n) {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				for range 20 { // the file is cold
					if err := c.do(b); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					if err := c.do(b); err != nil {
						b.Fatal(err)
					}
				}
				each := b.Elapsed().Seconds() / float64(b.N)
				if n == 1_000 {
					small[c.name] = each
				} else if small[c.name] > 0 {
					b.ReportMetric(each/small[c.name], "ratio")
				}
			})
		}
	}
}

type chore struct {
	name string
	do   func(testing.TB) error
}

func chores(s *Store, n int) []chore {
	runs := func(f runner.RunFilter) func(testing.TB) error {
		return func(t testing.TB) error { _, err := s.Runs(t.Context(), f); return err }
	}
	deliveries := func(f rules.DeliveryFilter) func(testing.TB) error {
		return func(t testing.TB) error { _, err := s.Deliveries(t.Context(), f); return err }
	}
	failed := []runner.State{runner.Failed}
	unfinished := []runner.State{runner.Queued, runner.Waiting, runner.Running}
	middle, recent := int64(n/2), time.Now().Add(-time.Hour)
	return []chore{
		{"accept", func(t testing.TB) error { return acceptOne(t, s, func(*runner.Run) {}) }},
		{"accept into a group", func(t testing.TB) error {
			return acceptOne(t, s, func(r *runner.Run) {
				r.Group, r.Command.Concurrency = "group 7", &rules.Concurrency{Group: "group 7", Limit: 1, Busy: rules.Latest}
			})
		}},
		{"accept with throttle", func(t testing.TB) error {
			return acceptOne(t, s, func(r *runner.Run) {
				r.Rule, r.Command.Throttle = "redeploy", &rules.Throttle{Every: rules.Duration(time.Microsecond), Key: "key 7"}
			})
		}},
		{"runs", runs(runner.RunFilter{})},
		{"runs of a hook", runs(runner.RunFilter{Hook: "/hook/20"})},
		{"runs of a hook that has none", runs(runner.RunFilter{Hook: "/none"})},
		{"runs that failed", runs(runner.RunFilter{States: failed})},
		{"runs that were canceled", runs(runner.RunFilter{States: []runner.State{runner.Canceled}})},
		{"runs that are not over", runs(runner.RunFilter{States: unfinished})},
		{"runs of a hook that failed", runs(runner.RunFilter{Hook: "/hook/20", States: failed})},
		{"runs of a hook that never failed", runs(runner.RunFilter{Hook: "/hook/7", States: failed})},
		{"runs of a hook that has none, succeeded", runs(runner.RunFilter{Hook: "/none", States: []runner.State{runner.Succeeded}})},
		{"runs since", runs(runner.RunFilter{Since: recent})},
		{"runs of a hook since", runs(runner.RunFilter{Hook: "/hook/20", Since: recent})},
		{"runs that failed since", runs(runner.RunFilter{States: failed, Since: recent})},
		{"runs of a delivery", runs(runner.RunFilter{Delivery: middle})},
		{"one run", func(t testing.TB) error { _, err := s.Run(t.Context(), middle); return err }},
		{"output", func(t testing.TB) error { _, err := s.Output(t.Context(), middle, 1, 0, 0); return err }},
		{"deliveries", deliveries(rules.DeliveryFilter{})},
		{"deliveries of a hook", deliveries(rules.DeliveryFilter{Hook: "/hook/20"})},
		{"deliveries accepted", deliveries(rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Accepted}})},
		{"deliveries ignored", deliveries(rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Ignored}})},
		{"deliveries accepted or ignored", deliveries(rules.DeliveryFilter{Verdicts: []rules.Verdict{rules.Ignored, rules.Accepted}})},
		{"deliveries since", deliveries(rules.DeliveryFilter{Since: recent})},
		{"one delivery", func(t testing.TB) error { _, err := s.Delivery(t.Context(), middle); return err }},
		{"its body", func(t testing.TB) error { _, err := s.Body(t.Context(), middle); return err }},
	}
}

// acceptOne accepts an event with a run that ends at once.
func acceptOne(t testing.TB, s *Store, change func(*runner.Run)) error {
	now := time.Now()
	d, run := newDelivery("/hook/7", "body"), newRun("/hook/7", "rule")
	d.ReceivedAt, run.QueuedAt = now, now
	change(run)
	if _, err := s.Accept(t.Context(), d, []*runner.Run{run}); err != nil || run.ID == 0 {
		return err
	}
	run.State, run.Attempt, run.StartedAt, run.FinishedAt = runner.Succeeded, 1, &now, &now
	return s.Update(t.Context(), run, nil)
}
