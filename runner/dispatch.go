package runner

import "context"

// Places in the lanes beside that of the processes.
const (
	maxCalls    = 16
	callsOfHook = 8 // of those, so that a receiver that hangs leaves some to others
	maxTellings = 16
)

// most is how many runs of a lane may run at once. The caller holds the lock.
func (r *Runner) most(lane Lane) int {
	return [lanes]int{Processes: r.MaxRunning, Calls: maxCalls, Tellings: maxTellings}[lane]
}

// dispatch starts what the limits allow. The caller holds the lock.
func (r *Runner) dispatch() {
	for lane := range lanes {
		for r.stopping.Err() == nil && r.places[lane] < r.most(lane) && r.launch(lane) {
		}
	}
}

// launch starts the next run of a lane, and tells whether there was one.
func (r *Runner) launch(lane Lane) bool {
	p, run, line, ok := r.queue.pop(lane)
	if !ok {
		return false
	}
	r.count(p, false, -1)
	r.places[lane]++
	r.start(p.ID, run, seat{lane, line})
	return true
}

// A seat is the place that a run takes: one of its lane, and one of its line.
type seat struct {
	lane Lane
	line *line
}

// start begins the next attempt of a run that has a seat. run may be nil: then it
// is read. The caller holds the lock.
func (r *Runner) start(id int64, run *Run, s seat) *attempt {
	a := newAttempt(r, id)
	r.running[id] = a
	r.ends.Go(func() {
		next := a.execute(run)
		r.ended(a, s, next)
	})
	return a
}

// vacate gives a seat back. The caller holds the lock.
func (r *Runner) vacate(s seat) {
	r.places[s.lane]--
	r.queue.leave(s.line)
}

// ended gives the place of an attempt to another. next is where the run waits to
// be tried again, nil if it is over.
func (r *Runner) ended(a *attempt, s seat, next *Place) {
	r.mu.Lock()
	delete(r.running, a.id)
	r.vacate(s)
	canceled := next != nil && a.isLast()
	if next != nil && !canceled {
		r.wait(*next)
	}
	r.dispatch()
	r.mu.Unlock()
	if canceled {
		// Who wanted it is on disk since they said so.
		if err := r.endQueued(context.Background(), *next, canceledEarly, nil); err != nil {
			r.Log.Error("a run that was canceled is tried again", "run", a.id, "error", err)
		}
	}
	r.hub.notify(a.id)
}
