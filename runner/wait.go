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
	if p.Held {
		r.waiting[p.ID] = waiter{place: p}
		return
	}
	// Round takes the monotonic clock away: a time that comes from the disk is
	// one of the wall clock, which may be set while the run waits.
	left := min(time.Until(p.NotBefore.Round(0)), lookAgain)
	r.waiting[p.ID] = waiter{p, time.AfterFunc(left, func() { r.due(p) })}
}

// lookAgain is how often a run that waits looks at the clock.
const lookAgain = time.Minute

// A waiter is a run whose time, or whose approval, has not come.
type waiter struct {
	place Place
	timer *time.Timer // nil for one that waits for a person
}

// due queues a run that has waited long enough.
func (r *Runner) due(p Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, waits := r.waiting[p.ID]; !waits {
		return // canceled or displaced meanwhile
	}
	delete(r.waiting, p.ID)
	if time.Now().Before(p.NotBefore.Round(0)) {
		r.wait(p)
		return
	}
	p.NotBefore = time.Time{}
	r.lineUp(p, nil)
	r.dispatch()
}

// takeBack takes a run out that has not begun, and returns its place. The caller
// holds the lock.
func (r *Runner) takeBack(id int64) (Place, bool) {
	if w, waits := r.waiting[id]; waits {
		if w.timer != nil {
			w.timer.Stop()
		}
		delete(r.waiting, id)
		return w.place, true
	}
	if p, parked := r.parked[id]; parked {
		delete(r.parked, id)
		return p, true
	}
	return r.queue.remove(id)
}

// Displace ends the runs whose place newer ones have taken, as the store said.
func (r *Runner) Displace(d Displaced) {
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
	run.Failures++
	if run.Failures >= retry.Attempts {
		return
	}
	delay := backOff(retry, run.Failures, rand.Float64())
	if asked, ok := a.askedDelay(); ok {
		delay = asked
	}
	at := time.Now().Add(delay)
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
