package runner

import "time"

// Reserve takes a place for each of these new runs that could begin at once, and
// makes it one that is running: whoever stores it so, and enqueues it then, has
// saved it the write of its beginning. release gives back the places of those that
// were not enqueued; it has to be called, and may be in any case.
//
// A run of a group has others to heed, and one that is debounced or held waits:
// they begin by themselves.
func (r *Runner) Reserve(runs []*Run) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var reserved []*Run
	for _, run := range runs {
		if run.State == Queued && run.Group == "" && run.Command.Debounce == nil && r.reserve(run) {
			reserved = append(reserved, run)
		}
	}
	return func() { r.release(reserved) }
}

// reserve takes the place of one, if it is free and nobody waits for it. The
// caller holds the lock.
func (r *Runner) reserve(run *Run) bool {
	p := placeOf(run)
	if r.stopping.Err() != nil || r.paused[p.Hook] || r.places[p.Lane] >= r.most(p.Lane) {
		return false
	}
	l, free := r.queue.enter(p)
	if !free {
		return false
	}
	r.places[p.Lane]++
	r.storing.Add(1) // who stops waits until it is known what becomes of it
	r.reserved[run] = seat{p.Lane, l}
	now := time.Now()
	run.State, run.Attempt, run.StartedAt = Running, 1, &now
	return true
}

// beginReserved starts a run that was stored as running. The caller holds the lock.
func (r *Runner) beginReserved(run *Run) {
	s, ok := r.reserved[run]
	if !ok {
		return // the disk took it too late, and the next start finds it
	}
	delete(r.reserved, run)
	begun := *run // the caller may look at its own still
	begun.Body = atHand(run.Body)
	a := r.start(run.ID, &begun, s)
	if r.stopping.Err() != nil {
		a.end(interrupted)
	}
	r.storing.Done()
}

// awaitReserved returns when it is known of all reserved places what becomes of
// them, or the disk has had its time for that: then they are nobody's any more.
func (r *Runner) awaitReserved() {
	ctx, cancel := r.untilGiveUp()
	defer cancel()
	go func() { r.storing.Wait(); cancel() }()
	<-ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	for run := range r.reserved {
		r.Log.Error("a run is still not on disk; if the disk takes it yet, it counts as interrupted when the server starts again", "hook", run.Hook, "rule", run.Rule)
		delete(r.reserved, run)
		r.storing.Done()
	}
}

// release gives the places of runs back that have not begun.
func (r *Runner) release(runs []*Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range runs {
		if s, ok := r.reserved[run]; ok {
			delete(r.reserved, run)
			r.vacate(s)
			r.storing.Done()
		}
	}
	r.dispatch()
}
