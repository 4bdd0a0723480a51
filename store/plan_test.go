package store

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// TestTheWriterFollowsIndexes: every statement that the writer has prepared in
// the life of all kinds of runs reads no more than it has to.
func TestTheWriterFollowsIndexes(t *testing.T) {
	s := openTemp(t)
	for _, busy := range []rules.Busy{rules.Queue, rules.Skip, rules.Latest, rules.Replace} {
		for range 2 {
			run := newGrouped("g "+string(busy), busy)
			run.Command.Throttle = &rules.Throttle{Every: 1, Key: string(busy)}
			enter(t, s, run)
			run.State, run.Attempt = runner.Running, 1
			if err := s.Take(t.Context(), run); err != nil && run.State != runner.Running {
				t.Fatal(err)
			}
			s.NoteProcess(run.ID, "1 2")
			if err := s.AppendOutput(t.Context(), &runner.Chunk{Run: run.ID, Attempt: 1, Seq: 1, Data: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			if err := s.NoteCancel(t.Context(), run.ID, nil); err != nil {
				t.Fatal(err)
			}
			run.State = runner.Waiting
			update(t, s, run, nil)
		}
	}
	for range 2 {
		run := newRun("/a", "rule")
		run.Command.Debounce = &rules.Debounce{Quiet: 1, Max: 1}
		enter(t, s, run)
	}
	again(t, s, newKnown("push 1", 0))
	age(t, s, year, runner.Succeeded, "output")
	s.Record(newDelivery("/a", ""))
	if err := s.SaveWatchState(t.Context(), "a", "b", []byte("{}"), noon); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	pruneAt(t, s, noon, rules.Keep{Deliveries: day, Runs: day, Output: 1})

	var texts []string
	err := s.submit(t.Context(), func(tx *tx) error {
		texts = slices.Sorted(maps.Keys(tx.stmts))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{insertRun, insertDelivery, insertBody, supersede, successors, tidings, groupCount, groupWaiting, groupRunning,
		seenBefore, recentlyFired, burstRuns, burstBegan, updateRun, takeRun, updateProcess, updateCanceling, insertOutput, deleteDeliveries, deleteRuns, deleteOutput, saveWatch, deleteWatches} {
		if !slices.Contains(texts, must) {
			t.Errorf("the test did not come to\n%s", must)
		}
	}
	for _, text := range texts {
		if text != "BEGIN IMMEDIATE" && text != "COMMIT" && text != "ROLLBACK" {
			followsAnIndex(t, s, text)
		}
	}
}

// TestTheReadersFollowIndexes: what the pruner asks for, and the runner. At its start that sorts what is unfinished, once.
// The listings have a test of their own.
func TestTheReadersFollowIndexes(t *testing.T) {
	s := openTemp(t)
	for _, text := range []string{lastEvent, readWatch, runsOf, outputAfter, outputBefore, oldDeliveries, oldRuns, oldestOutput, outputOf, outputSize, deleteUnaccepted} {
		followsAnIndex(t, s, text)
	}
	for _, f := range []runner.RunFilter{{Delivery: 1, Hook: "/a"}, {Delivery: 1, States: []runner.State{runner.Failed}}} {
		text, _ := runListing(f)
		if plan := explain(t, s, text); !strings.Contains(plan, "SEARCH run USING INDEX run_delivery (delivery=?)") {
			t.Errorf("%s\n%s", text, plan) // few runs: they may be sorted
		}
	}
}

// followsAnIndex fails where a statement reads a table from end to end, or sorts.
func followsAnIndex(t *testing.T, s *Store, text string) {
	t.Helper()
	plan := explain(t, s, text)
	for step := range strings.Lines(plan) {
		fromNothing := strings.Contains(step, "json_each") || strings.Contains(step, "CONSTANT ROW") || strings.Contains(step, "SCAN (subquery")
		if strings.Contains(step, "SCAN") && !strings.Contains(step, "USING INDEX") && !fromNothing || strings.Contains(step, "TEMP B-TREE") {
			t.Errorf("%s\n%s", text, plan)
		}
	}
}
