package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	maxOwed      = 1000           // events; with so many it does not look for more
	maxOwedBytes = 16 << 20       // of their bodies: the same
	refresh      = 24 * time.Hour // between two times that a state is saved, changed or not
)

// saved is a state as it lies on disk.
type saved struct {
	Identity string          `json:"identity"`
	State    json.RawMessage `json:"state"`
	Owed     []owed          `json:"owed,omitempty"`
}

// owed is an event that has not been told of yet, or perhaps just so.
type owed struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Type    string    `json:"type,omitempty"`
	Body    []byte    `json:"body"`
	Routine bool      `json:"routine,omitempty"`
}

func (j *job) owesTooMuch() bool {
	size := 0
	for _, o := range j.owed {
		size += len(o.Body)
	}
	return len(j.owed) >= maxOwed || size >= maxOwedBytes
}

// settle tells what is owed and saves what is known: first what is to be on disk
// before anybody is told, then that they were.
func (j *job) settle(ctx context.Context, saveFirst bool) {
	var err error
	if saveFirst {
		err = j.save(ctx)
	}
	for err == nil && len(j.owed) > 0 && ctx.Err() == nil {
		o := j.owed[0]
		err = j.watcher.Events.Emit(ctx, j.watch, &rules.Event{ID: o.ID, At: o.At, Type: o.Type, Body: o.Body, Routine: o.Routine})
		if err == nil {
			j.owed = j.owed[1:]
		}
	}
	if unsaved := j.save(ctx); err == nil {
		err = unsaved
	}
	if err != nil && !j.stuck && ctx.Err() == nil {
		j.watcher.Log.Warn("what a watch has found cannot be told of yet; it is tried again", "watch", j.watch.Name, "events", len(j.owed), "error", err)
	}
	j.stuck = err != nil
}

// save brings to disk what is not there.
func (j *job) save(ctx context.Context) error {
	value, err := j.toSave()
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

func (j *job) toSave() ([]byte, error) {
	state, err := json.Marshal(j.source.state())
	if err != nil {
		return nil, err
	}
	return json.Marshal(saved{Identity: j.source.identity(), State: state, Owed: j.owed})
}

// isSaved tells whether the disk has what is known.
func (j *job) isSaved() bool {
	value, err := j.toSave()
	return err == nil && bytes.Equal(value, j.onDisk)
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
	j.begin(known)
	j.stuck = len(j.owed) > 0
	j.settle(ctx, true)
	return true
}
