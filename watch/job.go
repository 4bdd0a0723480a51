package watch

import (
	"context"
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
	// before. before is the same source as it was until a reload, nil at a start.
	begin(now time.Time, known bool, before source)
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
	maxSleep = time.Minute      // after which the clock on the wall is asked again
)

// A job looks at a source again and again.
type job struct {
	watcher *Watcher
	watch   *rules.Watch
	source  source
	begun   bool
	before  *job      // the one whose place it takes, until it has begun
	floor   time.Time // not to be looked at before
	due     time.Time // when it is to be looked at next, for the one that takes over
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

// follow takes the place of a job that has ended with a reload. One that had not
// begun yet knows nothing but whose place it was to take.
func (j *job) follow(before *job) {
	if !before.begun {
		before = before.before
	}
	if before == nil {
		return
	}
	j.before, j.status = before, before.shown()
	j.floor = earlier(before.due, now().Add(max(j.watch.Every, time.Minute))) // it may have been seldom before
}

func (j *job) begin(known bool) {
	var before source
	if j.before != nil {
		before = j.before.source
	}
	j.source.begin(now(), known, before)
	j.begun, j.before = true, nil
}

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
	j.settle(ctx, true)
	at := now()
	if at.Before(j.dueAt(at)) {
		return
	}
	if j.owesTooMuch() {
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
	// What changes nothing is told of first: if the server is killed before, the next
	// look finds the same, and a disk is not written to at each.
	changed := !j.isSaved()
	for _, e := range events {
		j.owed = append(j.owed, owed{e.ID, e.At, e.Type, e.Body, e.Routine})
	}
	j.looked(at)
	j.settle(ctx, changed)
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
