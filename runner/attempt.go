package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A cause says why an attempt ended before its process did by itself.
type cause int

const (
	none        cause = iota
	timedOut          // it took longer than its timeout
	canceled          // a person said so
	superseded        // a newer run of its group took its place
	interrupted       // the server stops
	limited           // it took more than its limits
)

// An attempt is one execution of a run, from taking it off the queue to its end
// on disk.
type attempt struct {
	r        *Runner
	id       int64
	number   int    // from 1
	failures int    // of the attempts before
	payload  string // path of the file with the body
	output   *recorder
	secrets  []rules.Secret // that it is given
	seq      int            // of the last chunk stored
	hits     hits           // of its limits
	refused  []byte         // what the store did not take of the next
	stop     chan struct{}  // closed when it has to end early

	mu      sync.Mutex
	cause   cause
	settled bool   // how it ended is known, and no cause is taken any more
	retries bool   // it may be tried again, or that is not known yet
	last    bool   // but is not to be: it was canceled when it was settled already
	limit   string // that it met, where that is the cause
	// successor is who takes its place, where that is the cause.
	successor Succession
}

func newAttempt(r *Runner, id int64) *attempt {
	return &attempt{r: r, id: id, stop: make(chan struct{})}
}

// end asks the attempt to end, and tells whether it is not too late for that.
// The first cause counts, unless a person cancels it.
func (a *attempt) end(c cause) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endLocked(c)
}

// succeededBy ends the attempt because a newer run takes its place.
func (a *attempt) succeededBy(s Succession) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == none {
		a.successor = s
	}
	a.endLocked(superseded)
}

func (a *attempt) endLocked(c cause) bool {
	if a.cause == none && !a.settled {
		a.cause = c
		close(a.stop)
	}
	if c == canceled && !a.settled {
		a.cause = c // whatever else ends it: the run must not come again
	}
	if a.settled && c == canceled && a.retries {
		a.last = true
	}
	return !a.settled || a.last
}

// isLast tells whether the attempt is the run's last whatever its retry says.
func (a *attempt) isLast() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

func (a *attempt) endedBy() cause {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cause
}

// settle fixes why the attempt ended. A script that is through when the server
// stops, with its end still on the way to the disk, was not interrupted.
func (a *attempt) settle() cause {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settled = true
	return a.cause
}

// mark is in the environment of every process of the attempt and of no other.
func (a *attempt) mark() string { return payloadVar + "=" + a.payload }

// execute sees the run through one attempt. run may be nil: then it is read.
func (a *attempt) execute(run *Run) (next *Place) {
	if a.endedBy() == interrupted && (run == nil || run.State == Queued) {
		return nil // it stays so on disk
	}
	run, err := a.begin(run)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // otherwise a newer one took its place
			a.r.Log.Error("the run cannot begin; if it is queued, the next start of the server takes it up", "run", a.id, "error", err)
		}
		return nil
	}
	a.begun(run)
	if run.Command.Action() == rules.ActionRun {
		state, err := a.perform(run)
		a.conclude(run, state, err)
	} else {
		a.concludeCall(run, a.callOut(run))
	}
	a.decide(run)
	a.removeFiles(run.Command)
	if !a.finish(run) || run.State != Waiting {
		return nil
	}
	p := placeOf(run)
	return &p
}

// begin writes down that the attempt begins, before anything of it happens, unless
// that was stored together with the event.
func (a *attempt) begin(run *Run) (*Run, error) {
	if run != nil && run.State == Running {
		return run, nil
	}
	if run == nil {
		var err error
		if run, err = a.read(); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	begun := *run
	if run.Canceling { // and the server died before it could see to that
		begun.State, begun.Error, begun.FinishedAt, begun.NotBefore = Canceled, "canceled while it ran; the server ended meanwhile", &now, nil
		err := a.r.Store.Take(context.Background(), &begun)
		a.r.pass(&begun)
		return nil, cmp.Or(err, fs.ErrNotExist)
	}
	begun.State, begun.Attempt, begun.StartedAt = Running, run.Attempt+1, &now
	begun.ExitCode, begun.Signal, begun.Error, begun.FinishedAt, begun.NotBefore = nil, "", "", nil, nil
	err := a.r.persist("the beginning", a.id, func(ctx context.Context) error {
		return a.r.Store.Take(ctx, &begun)
	})
	if err != nil {
		return nil, err
	}
	a.r.pass(&begun)
	return &begun, nil
}

// begun makes ready what an attempt needs that is on disk.
func (a *attempt) begun(run *Run) {
	a.number, a.failures = run.Attempt, run.Failures
	a.mu.Lock()
	a.retries = run.Command.Retry != nil
	a.mu.Unlock()
	a.payload = a.r.payloadPath(run)
	a.output = newRecorder(run.Command.OutputLimit)
	a.r.hub.notify(a.id)
}

func (a *attempt) read() (run *Run, err error) {
	err = a.r.persist("reading", a.id, func(ctx context.Context) (err error) {
		run, err = a.r.Store.Run(ctx, a.id)
		return err
	})
	if err == nil && run.State != Queued && run.State != Waiting {
		err = fmt.Errorf("it is %s: %w", run.State, fs.ErrNotExist)
	}
	return run, err
}

// perform runs the process to its end. The error says why nothing was started.
func (a *attempt) perform(run *Run) (*os.ProcessState, error) {
	proc, err := a.spawn(run)
	if err != nil {
		return nil, err
	}
	stored := a.storeOutput()
	defer stored()
	watched := a.watchLimits(proc, run.Command.Limits)
	state := a.await(proc, run.Command)
	watched()
	a.hits = proc.hits
	if err := proc.group.remove(); err != nil {
		a.r.Log.Warn("processes of the run may be left; the next start of the server ends them", "run", a.id, "error", err)
	}
	return state, nil
}

// storeOutput writes output to the store while the script runs, and returns the
// function that ends it. What is left then is stored together with the end, and
// so is everything from the first piece on that the store did not take.
func (a *attempt) storeOutput() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case <-a.output.more:
			}
			select {
			case <-ended:
				return
			case <-a.output.ready:
			case <-time.After(flushAfter):
			}
			if !a.storeChunk() {
				return
			}
		}
	}()
	return func() { close(ended); <-done }
}

// storeChunk appends what there is. While the disk takes nothing the output
// gathers in the recorder, which is bounded.
func (a *attempt) storeChunk() bool {
	data := a.output.take(false)
	if len(data) == 0 {
		return true
	}
	chunk := &Chunk{Run: a.id, Attempt: a.number, Seq: a.seq + 1, Data: data}
	err := a.r.persist("output", a.id, func(ctx context.Context) error { return a.r.Store.AppendOutput(ctx, chunk) })
	if err != nil {
		a.refused = data
		return false
	}
	a.seq++
	a.r.hub.notify(a.id)
	return true
}
