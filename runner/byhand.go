package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// An AuditEntry says what a person did by hand, who and when. It is stored in
// the transaction that does it.
type AuditEntry struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Who      string    `json:"who"`
	Did      Deed      `json:"did"`
	Hook     string    `json:"hook"`
	Delivery int64     `json:"delivery"` // 0 for none
	Run      int64     `json:"run"`      // 0 for none
	Note     string    `json:"note"`
}

// A Deed is what can be done by hand.
type Deed string

const (
	DidCancel  Deed = "cancel"
	DidApprove Deed = "approve"
	DidReject  Deed = "reject"
	DidRerun   Deed = "rerun"
	DidReplay  Deed = "replay"
	DidPause   Deed = "pause"
	DidResume  Deed = "resume"
)

// ErrNotActive is the error of canceling a run that is over.
var ErrNotActive = errors.New("the run has ended already")

// What is said of a run that a person ended before it began.
const (
	canceledEarly = "canceled before it began"
	rejectedEarly = "rejected: whoever was asked said no"
)

// Cancel ends a run: a queued one at once, a running one by TERM, its grace, and
// KILL, without waiting for that. by says whose wish it is, nil if nobody's. The
// error is fs.ErrNotExist if there is no such run and ErrNotActive if it is over.
func (r *Runner) Cancel(ctx context.Context, id int64, by *AuditEntry) error {
	r.mu.Lock()
	a := r.running[id]
	r.mu.Unlock()
	if a == nil {
		// Somebody may have it out of the queue just now, to approve it or to end it.
		r.cancels.Lock()
		defer r.cancels.Unlock()
	}
	r.mu.Lock()
	a = r.running[id]
	place, queued := r.takeBack(id)
	r.mu.Unlock()
	var err error
	switch {
	case a != nil && a.end(canceled):
		// On disk, because the wish must outlive us as its answer does.
		return r.Store.NoteCancel(context.WithoutCancel(ctx), id, by)
	case queued:
		err = r.endQueued(ctx, place, canceledEarly, by)
	default:
		err = r.notActive(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	return nil
}

// endQueued ends a run that was just taken out of the queue. Where that cannot
// be written down, the run goes back to its place.
func (r *Runner) endQueued(ctx context.Context, p Place, why string, by *AuditEntry) error {
	// The wish stands when who had it hangs up; and a write that is given up
	// may happen all the same, after the run went back to the queue.
	ctx = context.WithoutCancel(ctx)
	run, err := r.Store.Run(ctx, p.ID)
	if err == nil {
		now := time.Now()
		run.State, run.Error, run.FinishedAt, run.NotBefore = Canceled, why, &now, nil
		run.Hold, run.By = "", by
		err = r.Store.Take(ctx, run)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return r.notActive(ctx, p.ID) // a newer one took its place on disk already
	}
	if err != nil {
		r.requeue(p)
		return err
	}
	r.hub.notify(p.ID)
	r.hub.notify(newcomers) // for who asked when it was in the queue no more
	r.pass(run)
	return nil
}

func (r *Runner) requeue(p Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.NotBefore.IsZero() && !p.Held {
		r.lineUp(p, nil)
	} else {
		r.wait(p)
	}
	r.dispatch()
}

// notActive says why a run that neither runs nor waits cannot be canceled.
func (r *Runner) notActive(ctx context.Context, id int64) error {
	run, err := r.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	if !run.State.Ended() {
		return fmt.Errorf("%w; that is not on disk yet", ErrNotActive)
	}
	return fmt.Errorf("%w; it is %s", ErrNotActive, run.State)
}

// ErrNotHeld is the error of approving a run that nobody was asked about.
var ErrNotHeld = errors.New("the run does not wait for anyone's approval")

// Approve lets a run begin that waits for a person. The error is fs.ErrNotExist
// if there is no such run and ErrNotHeld if it does not wait for one.
func (r *Runner) Approve(ctx context.Context, id int64, by *AuditEntry) error {
	r.cancels.Lock() // who cancels it meanwhile finds it in the queue afterwards
	defer r.cancels.Unlock()
	p, err := r.takeHeld(ctx, id)
	if err != nil {
		return fmt.Errorf("approve run %d: %w", id, err)
	}
	ctx = context.WithoutCancel(ctx)
	var displaced Displaced
	run, err := r.Store.Run(ctx, id)
	if err == nil {
		run.Hold, run.By = "", by
		if !p.NotBefore.After(time.Now()) {
			run.State, run.NotBefore = Queued, nil
		}
		displaced, err = r.Store.Approve(ctx, run)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.notActive(ctx, id) // a newer one took its place on disk already
	case err != nil:
		r.requeue(p)
		return fmt.Errorf("approve run %d: %w", id, err)
	}
	r.Displace(displaced)
	r.requeue(placeOf(run))
	r.hub.notify(id)
	r.hub.notify(newcomers)
	return nil
}

// Reject ends a run that waits for a person. The errors are those of Approve.
func (r *Runner) Reject(ctx context.Context, id int64, by *AuditEntry) error {
	r.cancels.Lock()
	defer r.cancels.Unlock()
	p, err := r.takeHeld(ctx, id)
	if err == nil {
		err = r.endQueued(ctx, p, rejectedEarly, by)
	}
	if err != nil {
		return fmt.Errorf("reject run %d: %w", id, err)
	}
	return nil
}

// takeHeld takes a run out that waits for a person.
func (r *Runner) takeHeld(ctx context.Context, id int64) (Place, error) {
	r.mu.Lock()
	w, waits := r.waiting[id]
	if waits && w.place.Held {
		p, _ := r.takeBack(id)
		r.mu.Unlock()
		return p, nil
	}
	r.mu.Unlock()
	run, err := r.Store.Run(ctx, id)
	if err != nil {
		return Place{}, err
	}
	return Place{}, fmt.Errorf("%w; it is %s", ErrNotHeld, run.State)
}

// Pause says which hooks' runs are not to begin from now on; those of all others
// may. What runs goes on, and what comes is queued.
func (r *Runner) Pause(hooks map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = hooks
	for _, p := range r.queue.ofHooks(hooks) {
		if !p.Tells {
			r.takeBack(p.ID)
			r.lineUp(p, nil)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.parked)) {
		if !hooks[r.parked[id].Hook] {
			p, _ := r.takeBack(id)
			r.lineUp(p, nil)
		}
	}
	r.dispatch()
}

// lineUp queues a run, or puts it aside while its hook is paused, unless it tells
// of one that was not. The caller
// holds the lock.
func (r *Runner) lineUp(p Place, run *Run) {
	if r.paused[p.Hook] && !p.Tells {
		r.parked[p.ID] = p
		r.count(p, true, 1)
		return
	}
	r.queue.push(p, run)
	r.count(p, false, 1)
}
