package watch

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/outbound"
)

// However often the configuration is read again, each watch looks when it is time,
// and not more often.
func TestReloadsKeepNothingFromLooking(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 25 * time.Second, 50 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			looks := map[string]int{}
			w.answers = func(req *http.Request) (*outbound.Answer, error) {
				looks[req.URL.Path]++
				return &outbound.Answer{Status: 200, Body: []byte(`{}`)}, nil
			}
			set := load(t, `
hooks: {/a: {verify: none, rules: [{run: make}]}}
watch:
  check: {check: {urls: ["https://example.com/check"]}, every: 1m, rules: [{run: make}]}
  poll: {poll: {url: "https://example.com/poll"}, every: 1m, rules: [{run: make}]}
  quiet: {quiet: {hook: /a, for: 5m}, every: 1m, rules: [{run: make}]}
  schedule: {schedule: {cron: "*/5 * * * *", timezone: UTC}, rules: [{run: make}]}
`)
			watcher := w.start(set)
			for range 12 * time.Minute / every {
				pass(every)
				watcher.Use(set)
			}
			synctest.Wait()
			for _, s := range watcher.Status() {
				if s.LookedAt == nil || s.NextAt == nil || s.NextAt.Sub(*s.LookedAt) > 5*time.Minute {
					t.Errorf("every %v: %s is looked at at %v, next at %v", every, s.Watch, s.LookedAt, s.NextAt)
				}
			}
			watcher.Stop()
			events := map[string]int{}
			for _, e := range w.take() {
				events[e.watch]++
			}
			if n := looks["/check"]; n < 11 || n > 13 {
				t.Errorf("every %v: %d looks at a website", every, n)
			}
			if n := looks["/poll"]; n < 11 || n > 13 {
				t.Errorf("every %v: %d looks of a poll", every, n)
			}
			if events["quiet"] != 1 || events["schedule"] != 2 {
				t.Errorf("every %v: events are %v", every, events)
			}
		})
	}
}

// Only a start gives those who send one time to be heard.
func TestReloadIsNoStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		config := `
hooks: {/a: {verify: none, rules: [{run: make}]}}
watch: {q: {quiet: {hook: /a, for: 30m}, every: %s, rules: [{run: make}]}}`
		watcher := w.start(load(t, fmt.Sprintf(config, "10m")))
		pass(8 * time.Minute)
		watcher.Stop()
		time.Sleep(time.Hour)
		set := load(t, fmt.Sprintf(config, "10m"))
		w.lost = true
		watcher = w.start(set) // which reads nothing, and so has not begun when it is read again
		pass(5 * time.Minute)
		w.set(func() { w.lost = false })
		watcher.Use(set)
		pass(9 * time.Minute)
		if got := w.take(); len(got) != 0 {
			t.Errorf("before they could be heard: %v", got)
		}
		watcher.Use(load(t, fmt.Sprintf(config, "11m")))
		pass(2*time.Minute + time.Second)
		if got := toldQuiet(w.take()); !slices.Equal(got, []string{"true 1h24m0s <nil>"}) {
			t.Errorf("%q", got)
		}
		watcher.Stop()
	})
}

// What was wrong with a look is wrong also after a reload, and is not logged again.
func TestReloadKeepsTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers = func(*http.Request) (*outbound.Answer, error) { return nil, syscall.ECONNREFUSED }
		set := load(t, `
watch:
  check: {check: {urls: ["https://example.com/check"]}, rules: [{run: make}]}
  poll: {poll: {url: "https://example.com/poll"}, rules: [{run: make}]}
`)
		watcher := w.start(set)
		defer watcher.Stop()
		pass(10 * time.Second)
		before := watcher.Status()
		watcher.Use(set)
		synctest.Wait()
		for i, s := range watcher.Status() {
			if s.Error != "connection refused" || s.Looks != 1 || !s.NextAt.Equal(*before[i].NextAt) {
				t.Errorf("%+v, before %+v", s, before[i])
			}
		}
	})
}
