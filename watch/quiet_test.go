package watch

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func toldQuiet(events []told) (list []string) {
	for _, e := range events {
		list = append(list, fmt.Sprint(e.payload["quiet"], " ", e.payload["quiet_for"], " ", e.payload["last_at"]))
	}
	return list
}

// In a bubble it is midnight in UTC on 2000-01-01.
func TestQuiet(t *testing.T) {
	const config = `
hooks: {/backup: {verify: none, rules: [{run: make}]}}
watch: {q: {quiet: {hook: /backup, for: 26h}, rules: [{run: make}]}}`
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := load(t, config)
		watcher := w.start(set)
		want := func(when string, want ...string) {
			t.Helper()
			if got := toldQuiet(w.take()); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		pass(26*time.Hour - time.Minute)
		want("before it is time")
		pass(2 * time.Minute)
		want("never heard", "true 26h0m0s <nil>")
		pass(48 * time.Hour)
		want("told already")
		w.hear("/backup") // on the 4th, 02:01
		pass(2 * time.Minute)
		want("heard", "false 74h1m0s 2000-01-04T02:01:00Z")
		for range 3 { // each day is enough
			pass(24 * time.Hour)
			w.hear("/backup")
		}
		pass(24 * time.Hour)
		want("heard each day")
		watcher.Stop()
		time.Sleep(24 * time.Hour) // nobody could tell us
		watcher = w.start(set)
		pass(30 * time.Second)
		want("just started")
		w.hear("/backup")
		pass(10 * time.Minute)
		want("heard before it had looked")
		watcher.Stop()
		time.Sleep(72 * time.Hour)
		for range 3 {
			watcher = w.start(set)
			pass(2 * time.Minute)
			watcher.Stop()
		}
		want("once over restarts", "true 72h11m0s 2000-01-09T02:03:30Z")
	})
}

// What happened before it was watched counts, if it is not too long ago.
func TestQuietBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hear("/a")
		time.Sleep(time.Hour)
		watcher := w.start(load(t, `
hooks: {/a: {verify: none, rules: [{run: make}]}}
watch: {q: {quiet: {hook: /a, for: 90m}, rules: [{run: make}]}}`))
		pass(31 * time.Minute)
		watcher.Stop()
		if got := toldQuiet(w.take()); !slices.Equal(got, []string{"true 1h30m0s 2000-01-01T00:00:00Z"}) {
			t.Errorf("%q", got)
		}
	})
}
