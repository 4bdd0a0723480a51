package runner

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// wait holds a run until its time comes, and queues it then. The caller holds
// the lock.
func (r *Runner) wait(p Place) {
	if r.stopping.Err() != nil {
		return // it waits on disk
	}
	timer := time.AfterFunc(time.Until(p.NotBefore), func() { r.due(p) })
	r.waiting[p.ID] = waiter{p, timer}
}

// A waiter is a run whose time has not come.
type waiter struct {
	place Place
	timer *time.Timer
}

// due queues a run that has waited long enough.
func (r *Runner) due(p Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, waits := r.waiting[p.ID]; !waits {
		return // canceled or displaced meanwhile
	}
	delete(r.waiting, p.ID)
	r.queue.push(p, nil)
	r.dispatch()
}

// takeBack takes a run out that has not begun, and returns its place. The caller
// holds the lock.
func (r *Runner) takeBack(id int64) (Place, bool) {
	if w, waits := r.waiting[id]; waits {
		w.timer.Stop()
		delete(r.waiting, id)
		return w.place, true
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
	data, err := os.ReadFile(a.retryFile())
	if err != nil {
		return 0, false
	}
	text := strings.TrimSpace(string(data[:min(len(data), 64)]))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	delay, err := time.ParseDuration(text)
	if err != nil || delay < 0 {
		a.r.Log.Warn("the script asks to be tried again, but not when", "run", a.id, "wrote", text)
		return 0, false
	}
	return delay, true
}

func (a *attempt) retryFile() string { return a.payload + ".retry-after" }
