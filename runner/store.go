package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// Store is what the runner needs of the place where runs are kept. Each write
// that returns nil is on disk. All methods may be called from any goroutine.
type Store interface {
	// Each write of a run stores the runs that tell people of it (Run.Tidings) in the
	// same transaction, and sets run.Told.

	// Update writes the run's state, attempt, exit code, signal, error and
	// times, together with a last piece of output (nil for none) and with
	// run.By (nil for none), in one transaction. A run that would wait again, queued or waiting, becomes
	// superseded if a newer one of its group has taken its place.
	Update(ctx context.Context, run *Run, output *Chunk) error
	// AppendOutput keeps a piece of output.
	AppendOutput(ctx context.Context, output *Chunk) error
	// NoteCancel keeps that a running run is to be ended, and by whom if by a
	// person.
	NoteCancel(ctx context.Context, run int64, by *AuditEntry) error
	// NoteProcess keeps run.Process soon, without waiting for the disk. It is
	// best effort: losing it loses nothing but a way to find a stray process.
	NoteProcess(run int64, process string)
	// Take is Update for a run that still has to be queued or waiting on disk:
	// the error is fs.ErrNotExist if a newer run has taken its place meanwhile.
	Take(ctx context.Context, run *Run) error
	// Approve is Take for a run that waited for a person and does not any longer.
	// Now it takes the place of others of its group, if that is its policy; those
	// that run are for the caller to end.
	Approve(ctx context.Context, run *Run) (Displaced, error)
	// Unfinished returns the places of all runs in a state that is no end,
	// oldest first.
	Unfinished(ctx context.Context, state State) ([]Place, error)
	// Run returns one run with its command. The error is fs.ErrNotExist if
	// there is none.
	Run(ctx context.Context, id int64) (*Run, error)
	// Body returns the body of a delivery.
	Body(ctx context.Context, delivery int64) ([]byte, error)
}

// A Chunk is a piece of an attempt's output, in the form that Segments reads.
// Chunks of an attempt are numbered from 1 without gaps.
type Chunk struct {
	Run     int64
	Attempt int
	Seq     int
	Data    []byte
}

// A Place is where a run waits: all that the queue has to know of it.
type Place struct {
	ID        int64
	Hook      string
	Group     string    // "" for none
	Limit     int       // of the group's runs at once
	NotBefore time.Time // zero for now
	Held      bool      // until a person approves
	Lane      Lane
	Tells     bool // of another run, and does nothing itself
	Again     bool // it was tried before
	// Since is a time before the wait began: of the last attempt's beginning or,
	// without one, of the event. Zero if it is not known.
	Since time.Time
}

// line is the name of the line in which the run waits: its group's or, without
// one, its hook's.
func (p Place) line() string {
	switch {
	case p.Group != "":
		return "group " + p.Group
	case p.Lane == Calls:
		return "calls of " + p.Hook
	}
	return "hook " + p.Hook
}

// A Lane is one of the kinds of places that runs take while they run. Each has so
// many of its own, so that none waits for another.
type Lane uint8

const (
	Processes Lane = iota // as many as max_running says
	Calls                 // requests to others
	Tellings              // what tells people, and statuses
	lanes
)

// LaneOf is the lane of an action.
func LaneOf(action string) Lane {
	switch action {
	case rules.ActionHTTP:
		return Calls
	case rules.ActionNotify, rules.ActionStatus:
		return Tellings
	}
	return Processes
}

func placeOf(r *Run) Place {
	p := Place{ID: r.ID, Hook: r.Hook, Group: r.Group, Held: r.Hold != "", Lane: LaneOf(r.Action), Tells: r.TellsOf != 0, Again: r.Attempt > 0}
	if r.Command != nil && r.Command.Concurrency != nil {
		p.Limit = r.Command.Concurrency.Limit
	}
	if p.Group == "" && p.Lane == Calls {
		p.Limit = callsOfHook
	}
	if r.NotBefore != nil {
		p.NotBefore, p.Since = *r.NotBefore, r.QueuedAt
		if r.StartedAt != nil {
			p.Since = *r.StartedAt
		}
	}
	return p
}

// Displaced are the runs whose place newer ones of their group take.
type Displaced struct {
	Waiting []Succession // superseded on disk already
	Running []Succession // still to be ended
	Told    []*Run       // that tell of the waiting ones; stored, and to be queued
}

// A Succession says which run took a run's place.
type Succession struct{ Run, By int64 }

// String is what stands as the error of the run that had to leave.
func (s Succession) String() string { return fmt.Sprintf("run %d took its place", s.By) }
