package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"
)

// toldAt lists the times of events, with how many were missed.
func toldAt(events []told) (list []string) {
	for _, e := range events {
		one := strings.TrimSuffix(e.payload["scheduled_at"].(string), "Z")
		if missed := e.payload["missed"].(float64); missed > 0 {
			one += fmt.Sprintf(" +%v", missed)
		}
		list = append(list, one)
	}
	return list
}

// In a bubble it is midnight in UTC on 2000-01-01, a Saturday.
func TestScheduleMissed(t *testing.T) {
	for name, c := range map[string]struct {
		missed string
		down   time.Duration // from noon of the first day on
		want   []string
	}{
		"none":           {"skip", 0, []string{"2000-01-01T03:00:00", "2000-01-02T03:00:00", "2000-01-03T03:00:00"}},
		"a restart":      {"skip", 15*time.Hour + 30*time.Second, []string{"2000-01-01T03:00:00", "2000-01-02T03:00:00", "2000-01-03T03:00:00"}},
		"skip":           {"skip", 47 * time.Hour, []string{"2000-01-01T03:00:00", "2000-01-04T03:00:00", "2000-01-05T03:00:00"}},
		"once":           {"once", 47 * time.Hour, []string{"2000-01-01T03:00:00", "2000-01-03T03:00:00 +2", "2000-01-04T03:00:00", "2000-01-05T03:00:00"}},
		"all":            {"all", 47 * time.Hour, []string{"2000-01-01T03:00:00", "2000-01-02T03:00:00 +1", "2000-01-03T03:00:00 +1", "2000-01-04T03:00:00", "2000-01-05T03:00:00"}},
		"once, just now": {"once", 39*time.Hour + 30*time.Second, []string{"2000-01-01T03:00:00", "2000-01-03T03:00:00 +1", "2000-01-04T03:00:00"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			set := load(t, `watch: {s: {schedule: {cron: "0 3 * * *", timezone: UTC, missed: `+c.missed+`}, rules: [{run: make}]}}`)
			watcher := w.start(set)
			pass(12 * time.Hour)
			watcher.Stop()
			time.Sleep(c.down)
			for range 3 { // and nothing comes twice
				watcher = w.start(set)
				watcher.Use(set)
				pass(time.Second)
				watcher.Stop()
			}
			watcher = w.start(set)
			pass(47 * time.Hour)
			watcher.Stop()
			if got := toldAt(w.take()); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		})
	}
}

// After very long, only the newest missed times have an event each.
func TestScheduleMissedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := load(t, `watch: {s: {schedule: {cron: "@hourly", timezone: UTC, missed: all}, rules: [{run: make}]}}`)
		w.start(set).Stop()
		time.Sleep(300*24*time.Hour + 30*time.Minute)
		watcher := w.start(set)
		pass(time.Second)
		watcher.Stop()
		got := toldAt(w.take())
		if len(got) != 100 || got[99] != "2000-10-27T00:00:00 +1" {
			t.Errorf("%d times, the last %s", len(got), got[len(got)-1])
		}
	})
}

// The event is told, and the server is killed before that is noted.
func TestScheduleSurvivesKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := load(t, `watch: {s: {schedule: {cron: "0 3 * * *", timezone: UTC, missed: all}, rules: [{run: make}]}}`)
		watcher := w.start(set)
		pass(time.Hour)
		before := w.saved("s schedule")
		pass(4 * time.Hour)
		watcher.Stop()
		w.set(func() { w.states["s schedule"] = before })
		watcher = w.start(set)
		pass(time.Hour)
		watcher.Stop()
		if got := toldAt(w.take()); !slices.Equal(got, []string{"2000-01-01T03:00:00"}) {
			t.Errorf("%q", got)
		}
	})
}

// What waits for long is saved again and again, or it would be forgotten.
func TestWaitingIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		watcher := w.start(load(t, `watch: {s: {schedule: {cron: "@yearly", timezone: UTC}, rules: [{run: make}]}}`))
		pass(100 * 24 * time.Hour)
		watcher.Stop()
		if ago := time.Since(w.savedAt); ago > 25*time.Hour {
			t.Errorf("saved %v ago", ago)
		}
	})
}

// A new schedule begins when it is there: none of its times was missed before.
func TestScheduleIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		config := `watch: {s: {schedule: {cron: "0 %d * * *", timezone: UTC, missed: all}, rules: [{run: make}]}}`
		watcher := w.start(load(t, fmt.Sprintf(config, 23)))
		pass(12 * time.Hour)
		watcher.Use(load(t, fmt.Sprintf(config, 11)))
		pass(24 * time.Hour)
		watcher.Stop()
		if got := toldAt(w.take()); !slices.Equal(got, []string{"2000-01-02T11:00:00"}) {
			t.Errorf("%q", got)
		}
	})
}
