package watch

import (
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A clock that is set back, by an hour or by years, makes nothing wait for longer
// than it should, and no time come twice.
func TestClockIsSetBack(t *testing.T) {
	watches := map[string]*rules.Watch{}
	for _, w := range load(t, `
hooks: {/a: {verify: none, rules: [{run: make}]}}
watch:
  check: {check: {urls: [https://example.com]}, rules: [{run: make}]}
  poll: {poll: {url: https://example.com}, rules: [{run: make}]}
  quiet: {quiet: {hook: /a, for: 1h}, rules: [{run: make}]}
  schedule: {schedule: {cron: "0 3 * * *", timezone: UTC}, rules: [{run: make}]}
`).Watches() {
		watches[w.Name] = w
	}
	at := time.Date(2026, 3, 1, 3, 30, 0, 0, time.UTC)
	year := at.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		source source
		want   time.Time
	}{
		"check":             {&site{watch: watches["check"], lookedAt: year, wait: time.Minute}, at.Add(time.Minute)},
		"poll":              {&poll{watch: watches["poll"], known: pollState{LookedAt: year}}, at.Add(10 * time.Minute)},
		"poll, told later":  {&poll{watch: watches["poll"], known: pollState{LookedAt: at, NotBefore: year}}, at.Add(10 * time.Minute)},
		"quiet":             {&quiet{watch: watches["quiet"], lookedAt: year, known: quietState{Since: year}}, at.Add(time.Minute)},
		"schedule":          {&schedule{watch: watches["schedule"], known: scheduleState{Last: year}}, at.Add(23*time.Hour + 30*time.Minute)},
		"schedule, an hour": {&schedule{watch: watches["schedule"], known: scheduleState{Last: at.Add(10 * time.Minute)}}, at.Add(23*time.Hour + 30*time.Minute)},
		"schedule, behind":  {&schedule{watch: watches["schedule"], known: scheduleState{Last: at.Add(23*time.Hour + 30*time.Minute)}}, at.Add(47*time.Hour + 30*time.Minute)},
	} {
		if got := c.source.next(at); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	q := &quiet{watcher: &Watcher{Config: Config{Store: newWorld(t), Log: discard}}, watch: watches["quiet"], known: quietState{Since: year, LastAt: year}}
	for _, look := range []struct {
		after time.Duration
		told  int
	}{{0, 0}, {59 * time.Minute, 0}, {time.Hour, 1}} {
		events, err := q.look(t.Context(), at.Add(look.after))
		if err != nil || len(events) != look.told {
			t.Errorf("quiet after %v: %d events, %v", look.after, len(events), err)
		}
	}
	j := &job{watch: watches["check"], source: &site{watch: watches["check"], lookedAt: at, wait: time.Minute}, floor: year}
	if got := j.dueAt(at); !got.Equal(at.Add(time.Minute)) {
		t.Errorf("the floor of before holds: %v", got)
	}
}
