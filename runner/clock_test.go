package runner

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const year = 365 * 24 * time.Hour

// However the wall clock was set since, nothing waits longer than it was to.
func TestAWaitIsNeverLongerThanItWasToBe(t *testing.T) {
	now := time.Now()
	place := func(since, notBefore time.Duration) Place {
		return Place{Since: now.Add(since), NotBefore: now.Add(notBefore)}
	}
	for name, c := range map[string]struct {
		place Place
		want  time.Duration
	}{
		"as usual":                    {place(-time.Minute, time.Minute), time.Minute},
		"its time has come":           {place(-time.Hour, -time.Minute), -time.Minute},
		"set back a year":             {place(year, year+10*time.Second), 10 * time.Second},
		"set back a little":           {place(time.Second, 11*time.Second), 10 * time.Second},
		"set forward":                 {place(-year, -year+time.Hour), -year + time.Hour},
		"set back while it ran":       {place(year, time.Minute), time.Minute},
		"nobody knows when it began":  {Place{NotBefore: now.Add(year)}, year},
		"times with a clock of their": {Place{Since: now, NotBefore: now.Add(time.Minute)}, time.Minute},
	} {
		if got := c.place.left(now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// While it waits, the wall clock counts if it is ahead (the machine slept, the
// clock was set forward), and what has passed if it is behind.
func TestAWaitEndsByEitherClock(t *testing.T) {
	now := time.Now()
	waits := waiter{place: Place{Since: now, NotBefore: now.Add(time.Hour)}, latest: now.Add(time.Hour)}
	forward, back := waits, waits
	forward.place.NotBefore, forward.place.Since = now.Add(-time.Minute), now.Add(-time.Hour)
	back.place.NotBefore, back.place.Since = now.Add(year), now.Add(year-time.Hour)
	for name, c := range map[string]struct {
		waiter waiter
		passed time.Duration
		want   bool
	}{
		"not yet":                       {waits, 59 * time.Minute, false},
		"now":                           {waits, time.Hour, true},
		"the clock was set forward":     {forward, 0, true},
		"the clock was set back":        {back, 59 * time.Minute, false},
		"the clock was set back, later": {back, time.Hour, true},
	} {
		if got := c.waiter.left(now.Add(c.passed)) <= 0; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRunsFromTheFutureWaitAsLongAsTheyWereTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}) // nothing may run
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now().Add(year)
		r.mu.Lock()
		for id, delay := range map[int64]time.Duration{3: time.Hour, 1: 2 * time.Hour, 2: 2 * time.Hour, 4: 30 * time.Hour} {
			r.wait(Place{ID: id, Group: "g", Since: begun, NotBefore: begun.Add(delay)})
		}
		r.mu.Unlock()
		for _, c := range []struct {
			after time.Duration
			want  []int64
		}{{59 * time.Minute, nil}, {2 * time.Minute, []int64{3}}, {time.Hour, []int64{1, 2, 3}}, {28 * time.Hour, []int64{1, 2, 3, 4}}} {
			time.Sleep(c.after)
			synctest.Wait()
			r.mu.Lock()
			var queued []int64
			if len(r.queue.round) > 0 {
				for _, w := range r.queue.round[0].waiting {
					queued = append(queued, w.id)
				}
			}
			if !slices.Equal(queued, c.want) {
				t.Errorf("%v later %v are queued, want %v", c.after, queued, c.want)
			}
			r.mu.Unlock()
		}
		r.Stop(context.Background())
	})
}
