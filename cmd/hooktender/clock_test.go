package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// TestClockSetBack: the database is from a year that is the future now, because
// the clock was wrong and has been set. What is queued runs in its order, what
// waits for its time waits as long as it was to, and a throttle lets events
// through.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	log, state := filepath.Join(t.TempDir(), "log"), t.TempDir()
	future := time.Now().AddDate(1, 0, 0)
	st := openStore(t, state)
	command := func(name string) *rules.Command {
		return &rules.Command{
			Script: fmt.Sprintf("echo %s >>'%s'", name, log), Shell: []string{"/bin/sh", "-c"}, OutputLimit: 1 << 20,
			Timeout: rules.Duration(time.Minute), Grace: rules.Duration(time.Second), OnInterrupt: rules.Rerun,
		}
	}
	var runs []*runner.Run
	add := func(rule string, at time.Time, change func(*runner.Run)) *runner.Run {
		t.Helper()
		run := &runner.Run{Hook: "/throttle", Rule: rule, Action: "run", QueuedAt: at, Command: command(rule)}
		change(run)
		d := &rules.Delivery{Hook: run.Hook, ReceivedAt: at, Method: "POST"}
		if _, err := st.Accept(t.Context(), d, []*runner.Run{run}); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
		return run
	}
	grouped := func(r *runner.Run) {
		r.Group, r.Command.Concurrency = "g", &rules.Concurrency{Group: "g", Limit: 1, Busy: rules.Queue}
	}
	add("first", future, grouped)
	add("second", future.AddDate(-2, 0, 0), grouped)
	add("third", time.Now(), grouped)
	retry := add("retry", future, func(*runner.Run) {})
	began, due := future, future.Add(100*time.Millisecond)
	retry.State, retry.Attempt, retry.Failures, retry.StartedAt, retry.NotBefore = runner.Waiting, 1, 1, &began, &due
	add("debounce", future, func(r *runner.Run) {
		r.Command.Debounce = &rules.Debounce{Quiet: rules.Duration(100 * time.Millisecond), Max: rules.Duration(time.Second)}
	})
	limited := add("throttle", future, func(r *runner.Run) { r.Command.Throttle = &rules.Throttle{Every: rules.Duration(time.Hour)} })
	ended := future.AddDate(-1, 0, 0)
	limited.State, limited.Attempt, limited.StartedAt, limited.FinishedAt = runner.Succeeded, 1, &began, &ended // before it began
	for _, run := range []*runner.Run{retry, limited} {
		if err := st.Update(t.Context(), run, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	s := startServer(t, writeConfig(t, fmt.Sprintf(`
hooks:
  /throttle:
    verify: {bearer: %q}
    rules:
      - {name: throttle, run: "true", throttle: {every: 1h}}
`, testSecret)), state)
	a, err := bearer(t).with(`{}`).post(t.Context(), "http://"+s.address+"/throttle")
	if err != nil || a.status != http.StatusAccepted {
		t.Errorf("an event an hour after the last is answered %d, %v", a.status, err)
	}
	s.waitForRuns()
	for _, run := range runs {
		var now runner.Run
		if err := s.client().get(t.Context(), fmt.Sprintf("/api/runs/%d", run.ID), nil, &now); err != nil || now.State != runner.Succeeded {
			t.Errorf("%s is %s (%s), %v", run.Rule, now.State, now.Error, err)
		}
		if text := took(&now); strings.HasPrefix(text, "-") {
			t.Errorf("%s took %s", run.Rule, text)
		}
	}
	lines := readLog(t, log)
	for _, name := range []string{"first", "second", "third", "retry", "debounce"} {
		if lines[name] != 1 {
			t.Errorf("%s ran %d times", name, lines[name])
		}
	}
	var before time.Time
	for _, run := range runs[:3] {
		var now runner.Run
		if err := s.client().get(t.Context(), fmt.Sprintf("/api/runs/%d", run.ID), nil, &now); err != nil {
			t.Fatal(err)
		}
		if !now.StartedAt.After(before) {
			t.Errorf("%s began before the one before it", run.Rule)
		}
		before = *now.StartedAt
	}
}
