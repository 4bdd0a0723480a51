package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A source is one thing that is looked at. Its methods are called by one goroutine.
type source interface {
	// key tells it from others of its watch. What was known of one with another
	// identity says nothing about it.
	key() string
	identity() string
	// state is where its state is kept: what it points to is saved as JSON.
	state() any
	// begin is called once, when the state is there; known tells that it was saved
	// before.
	begin(now time.Time, known bool)
	// next says when it is to be looked at.
	next(now time.Time) time.Time
	// look looks, and returns what has happened. After an error, which is ctx's or
	// the store's, nothing was seen and the state has not changed.
	look(ctx context.Context, now time.Time) ([]rules.Event, error)
	// show fills in how it stands.
	show(*Status)
}

const (
	againIn  = 10 * time.Second // after the disk or the queue had no room
	maxOwed  = 1000             // events; with so many it does not look for more
	refresh  = 24 * time.Hour   // between two times that a state is saved, changed or not
	maxSleep = time.Minute      // after which the clock on the wall is asked again
)

// saved is a state as it lies on disk.
type saved struct {
	Identity string          `json:"identity"`
	State    json.RawMessage `json:"state"`
	Owed     []owed          `json:"owed,omitempty"`
}

// owed is an event that has not been told of yet, or perhaps just so.
type owed struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Type string    `json:"type,omitempty"`
	Body []byte    `json:"body"`
}

// A job looks at a source again and again.
type job struct {
	watcher *Watcher
	watch   *rules.Watch
	source  source
	floor   time.Time // not to be looked at before
	due     time.Time // when it was to be looked at next, for the one that takes over
	stop    context.CancelFunc
	done    chan struct{}

	owed    []owed
	onDisk  []byte // the state as it is there
	savedAt time.Time
	stuck   bool // what is owed cannot be told of

	mu     sync.Mutex
	status Status
}

func (j *job) id() string { return j.watch.Name + " " + j.source.key() + " " + j.source.identity() }

func (j *job) run(ctx context.Context) {
	defer close(j.done)
	for !j.load(ctx) {
		if !sleep(ctx, againIn) {
			return
		}
	}
	for {
		at := now()
		j.due = j.dueAt(at)
		j.tell(j.due)
		left := j.due.Sub(at)
		if j.stuck {
			left = min(left, againIn)
		}
		if left > 0 && !sleep(ctx, min(left, maxSleep)) || ctx.Err() != nil {
			return
		}
		if left <= maxSleep || now().Sub(j.savedAt) >= refresh {
			j.step(ctx)
		}
	}
}

// dueAt is when it is to be looked at. A floor that is far away is from before the
// clock was set back.
func (j *job) dueAt(at time.Time) time.Time {
	if j.floor.Sub(at) > max(j.watch.Every, maxSleep) {
		j.floor = time.Time{}
	}
	if next := j.source.next(at); next.After(j.floor) {
		return next
	}
	return j.floor
}

// step tells what is owed, and looks if it is time to.
func (j *job) step(ctx context.Context) {
	j.settle(ctx)
	at := now()
	if at.Before(j.dueAt(at)) {
		return
	}
	if len(j.owed) >= maxOwed {
		j.floor = at.Add(againIn)
		return
	}
	events, err := j.source.look(ctx, at)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		j.watcher.Log.Error("a watch cannot look, and tries again", "watch", j.watch.Name, "of", j.shown().Of, "error", err)
		j.floor = at.Add(againIn)
		return
	}
	var routine []rules.Event
	for _, e := range events {
		if e.Routine {
			routine = append(routine, e)
			continue
		}
		j.owed = append(j.owed, owed{e.ID, e.At, e.Type, e.Body})
	}
	j.looked(at)
	j.settle(ctx)
	for i := range routine {
		// Another look will come; the server says itself why it took none.
		_ = j.watcher.Events.Emit(ctx, j.watch, &routine[i])
	}
}

// settle saves what is known and tells what is owed.
func (j *job) settle(ctx context.Context) {
	err := j.save(ctx)
	for err == nil && len(j.owed) > 0 && ctx.Err() == nil {
		o := j.owed[0]
		err = j.watcher.Events.Emit(ctx, j.watch, &rules.Event{ID: o.ID, At: o.At, Type: o.Type, Body: o.Body})
		if err == nil {
			j.owed = j.owed[1:]
		}
	}
	if err == nil {
		err = j.save(ctx)
	}
	if err != nil && !j.stuck && ctx.Err() == nil {
		j.watcher.Log.Warn("what a watch has found cannot be told of yet; it is tried again", "watch", j.watch.Name, "events", len(j.owed), "error", err)
	}
	j.stuck = err != nil
}

// save brings to disk what is not there.
func (j *job) save(ctx context.Context) error {
	state, err := json.Marshal(j.source.state())
	if err != nil {
		return err
	}
	value, err := json.Marshal(saved{Identity: j.source.identity(), State: state, Owed: j.owed})
	if err != nil {
		return err
	}
	at := now()
	if bytes.Equal(value, j.onDisk) && at.Sub(j.savedAt) < refresh {
		return nil
	}
	if err := j.watcher.Store.SaveWatchState(ctx, j.watch.Name, j.source.key(), value, at); err != nil {
		return err
	}
	j.onDisk, j.savedAt = value, at
	return nil
}

// load takes over what was known. A state that cannot be read is as none: it was
// written by a newer program.
func (j *job) load(ctx context.Context) bool {
	value, err := j.watcher.Store.WatchState(ctx, j.watch.Name, j.source.key())
	if err != nil {
		if ctx.Err() == nil {
			j.watcher.Log.Error("a watch cannot begin, and tries again", "watch", j.watch.Name, "error", err)
		}
		return false
	}
	var s saved
	known := value != nil
	if known {
		if err := json.Unmarshal(value, &s); err != nil {
			j.watcher.Log.Warn("what a watch knew cannot be read; it begins anew", "watch", j.watch.Name, "error", err)
			known = false
		}
	}
	j.owed = s.Owed // they have happened, whatever is watched now
	if known = known && s.Identity == j.source.identity(); known {
		if err := json.Unmarshal(s.State, j.source.state()); err != nil {
			j.watcher.Log.Warn("what a watch knew cannot be read; it begins anew", "watch", j.watch.Name, "error", err)
			known = false
		}
	}
	j.source.begin(now(), known)
	j.stuck = len(j.owed) > 0
	j.settle(ctx)
	return true
}

// sleep returns false when ctx has ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tell lets Status say when it is to be looked at.
func (j *job) tell(next time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Watch, j.status.NextAt, j.status.Owed = j.watch.Name, timeOrNil(next), len(j.owed)
	j.source.show(&j.status)
}

func (j *job) looked(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Looks++
	j.status.LookedAt = &at
	j.source.show(&j.status)
}

func (j *job) shown() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}
