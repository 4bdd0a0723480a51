package runner

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// wait holds a run until its time comes, and queues it then; one that waits for
// a person is queued by Approve. The caller holds the lock.
func (r *Runner) wait(p Place) {
	if r.stopping.Err() != nil {
		return // it waits on disk
	}
	if p.Lane == Tellings && p.Group != "" && p.Again {
		r.rest(p)
		return
	}
	r.count(p, false, 1)
	if p.Held {
		r.waiting[p.ID] = waiter{place: p}
		return
	}
	now := time.Now()
	w := waiter{place: p, latest: now.Add(p.left(now))}
	r.look(w, now)
}

// rest lines a run up that tells somebody and is not to do so before its time, and
// lets its whole line wait with it: what people are told comes in order, and a
// place that asks to be left alone is left alone by all. The caller holds the lock.
func (r *Runner) rest(p Place) {
	r.lineUp(p, nil)
	if _, parked := r.parked[p.ID]; parked {
		return // until its hook goes on, which is late enough
	}
	l := r.queue.line(p)
	l.rests = true
	now := time.Now()
	r.restUntil(l, waiter{place: p, latest: now.Add(p.left(now))}, now)
}

func (r *Runner) restUntil(l *line, w waiter, now time.Time) {
	time.AfterFunc(min(w.left(now), lookAgain), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.stopping.Err() != nil {
			return
		}
		if now := time.Now(); w.left(now) > 0 && r.queue.has(w.place.ID) {
			r.restUntil(l, w, now)
			return
		}
		l.rests = false
		r.dispatch()
	})
}

// left is how long a run still has to wait, as the wall clock says; Round takes
// the monotonic clock away, as a time that comes from the disk has none. But the
// clock may have been set back, perhaps by years, since the wait began: so it is
// never longer than the whole wait was to be.
func (p Place) left(now time.Time) time.Duration {
	notBefore, since := p.NotBefore.Round(0), p.Since.Round(0)
	left := notBefore.Sub(now.Round(0))
	if whole := notBefore.Sub(since); !since.IsZero() && whole > 0 {
		left = min(left, whole)
	}
	return left
}

// lookAgain is how often a run that waits looks at the clock.
const lookAgain = time.Minute

// A waiter is a run whose approval or whose time has not come. The time comes
// when the wall clock says so, which goes on while the machine sleeps and may be
// set forward, and at the latest when so much time has passed, which no setting
// of the clock changes.
type waiter struct {
	place  Place
	latest time.Time   // with its monotonic clock
	timer  *time.Timer // nil for one that waits for a person
}

func (w waiter) left(now time.Time) time.Duration {
	return min(w.latest.Sub(now), w.place.left(now))
}

// look sees to it that the run is queued in time. The caller holds the lock.
func (r *Runner) look(w waiter, now time.Time) {
	w.timer = time.AfterFunc(min(w.left(now), lookAgain), func() { r.due(w.place.ID) })
	r.waiting[w.place.ID] = w
}

// due queues a run that has waited long enough.
func (r *Runner) due(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, waits := r.waiting[id]
	if !waits {
		return // canceled or displaced meanwhile
	}
	if now := time.Now(); w.left(now) > 0 {
		r.look(w, now)
		return
	}
	delete(r.waiting, id)
	r.count(w.place, false, -1)
	w.place.NotBefore = time.Time{}
	r.lineUp(w.place, nil)
	r.dispatch()
}

// takeBack takes a run out that has not begun, and returns its place. The caller
// holds the lock.
func (r *Runner) takeBack(id int64) (Place, bool) {
	if w, waits := r.waiting[id]; waits {
		delete(r.waiting, id)
		r.count(w.place, false, -1)
		if w.timer != nil {
			w.timer.Stop()
		}
		return w.place, true
	}
	if p, parked := r.parked[id]; parked {
		delete(r.parked, id)
		r.count(p, true, -1)
		return p, true
	}
	p, found := r.queue.remove(id)
	if found {
		r.count(p, false, -1)
	}
	return p, found
}

// Displace ends the runs whose place newer ones have taken, as the store said.
func (r *Runner) Displace(d Displaced) {
	if len(d.Told) > 0 {
		defer r.Enqueue(d.Told...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range d.Waiting {
		if _, found := r.takeBack(s.Run); found {
			r.hub.notify(s.Run)
		}
	}
	for _, s := range d.Running {
		if a := r.running[s.Run]; a != nil {
			a.succeededBy(s)
		}
	}
}

// retryVar names a file into which a script may write how long to wait before
// it is tried again: seconds, or a duration such as 5m.
const retryVar = "HOOKTENDER_RETRY_AFTER"

// again decides whether a run that did not succeed is tried again, and then
// makes it a waiting one.
func (a *attempt) again(run *Run) {
	retry := run.Command.Retry
	if retry == nil || !retry.Covers(run.State == TimedOut, run.ExitCode) {
		return
	}
	if asked, ok := a.askedDelay(); ok {
		againAfter(run, false, &asked)
		return
	}
	againAfter(run, false, nil)
}

// againAfter makes a run that did not succeed a waiting one, unless it was tried
// often enough. asked is how long it is to wait, nil if nobody says so; deferred
// tells that it was not tried at all.
func againAfter(run *Run, deferred bool, asked *time.Duration) {
	retry := run.Command.Retry
	if retry == nil {
		return
	}
	if !deferred {
		run.Failures++
	}
	if run.Failures >= retry.Attempts {
		return
	}
	if asked == nil {
		delay := backOff(retry, run.Failures, rand.Float64())
		asked = &delay
	}
	at := time.Now().Add(*asked)
	run.State, run.NotBefore, run.FinishedAt = Waiting, &at, nil
}

// backOff is how long to wait after so many failures: twice as long each time,
// up to the maximum, and then a fifth more or less, so that what failed together
// does not come back together. chance is from 0 to 1.
func backOff(r *rules.Retry, failures int, chance float64) time.Duration {
	delay, limit := time.Duration(r.Delay), time.Duration(r.MaxDelay)
	for range failures - 1 {
		if delay >= limit/2 {
			delay = limit
			break
		}
		delay *= 2
	}
	return time.Duration(float64(min(delay, limit)) * (0.8 + 0.4*chance))
}

// askedDelay is what the script wrote into the file that retryVar names.
func (a *attempt) askedDelay() (time.Duration, bool) {
	text, err := readShort(a.retryFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false
	}
	delay, parseErr := parseDelay(text)
	if err = cmp.Or(err, parseErr); err != nil {
		a.r.Log.Warn("the script wrote into $"+retryVar+" what is neither seconds nor a duration", "run", a.id)
		return 0, false
	}
	return min(delay, maxAsked), true
}

// maxAsked bounds what a script may ask for: a slip must not park a run for good.
const maxAsked = 24 * time.Hour

func parseDelay(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	delay, err := time.ParseDuration(text)
	if err == nil && delay < 0 {
		err = errors.New("it is negative")
	}
	return delay, err
}

// readShort reads a small file that a script has made. Anything else that it may
// have put there, a pipe, a link, a flood, neither blocks nor fills the memory.
func readShort(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, 64))
	return string(data), err
}

func (a *attempt) retryFile() string { return a.payload + ".retry-after" }
