package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
)

// Config is what a Runner needs. All fields are required.
type Config struct {
	Store      Store
	Dir        string // folder for what scripts read; private, made if missing, emptied at start
	MaxRunning int    // attempts at once
	// Secret reads a reference at the moment a process starts.
	Secret func(rules.Reference) (verify.Secret, error)
	Log    *slog.Logger
}

// A Runner executes runs. All methods may be called from any goroutine.
type Runner struct {
	Config
	hub  hub
	ends sync.WaitGroup // one for each attempt under way

	mu       sync.Mutex
	queue    queue
	running  map[int64]*attempt
	stopping chan struct{} // closed when nothing more may start
	stopped  bool
}

// New makes a runner that has nothing to do yet. Call Recover before Enqueue.
func New(c Config) (*Runner, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for payloads: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder for payloads: %w", err)
	}
	c.Dir = dir
	return &Runner{Config: c, running: map[int64]*attempt{}, stopping: make(chan struct{})}, nil
}

// Enqueue takes runs that are stored as queued, in order. It never waits.
func (r *Runner) Enqueue(runs ...*Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range runs {
		r.queue.push(run.ID, run)
	}
	r.dispatch()
}

// SetMaxRunning changes how many attempts may run at once. Those that run go on.
func (r *Runner) SetMaxRunning(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.MaxRunning = n
	r.dispatch()
}

// dispatch starts what the limits allow. The caller holds the lock.
func (r *Runner) dispatch() {
	for !r.stopped && len(r.running) < r.MaxRunning {
		id, run, ok := r.queue.pop()
		if !ok {
			return
		}
		a := newAttempt(r, id)
		r.running[id] = a
		r.ends.Go(func() {
			a.execute(run)
			r.ended(id)
		})
	}
}

func (r *Runner) ended(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, id)
	r.dispatch()
	r.hub.notify(id)
}

// Load tells how many runs are running and how many wait for a place.
func (r *Runner) Load() (running, queued int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running), r.queue.len()
}

// ErrNotActive is the error of canceling a run that is over.
var ErrNotActive = errors.New("the run has ended already")

// Cancel ends a run: a queued one at once, a running one by TERM, its grace, and
// KILL, without waiting for that. The error is fs.ErrNotExist if there is no
// such run and ErrNotActive if it is over.
func (r *Runner) Cancel(ctx context.Context, id int64) error {
	r.mu.Lock()
	if a := r.running[id]; a != nil {
		a.end(canceled)
		r.mu.Unlock()
		return nil
	}
	queued := r.queue.remove(id)
	r.mu.Unlock()

	run, err := r.Store.Run(ctx, id)
	if err != nil {
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	if !queued {
		return fmt.Errorf("cancel run %d: %w; it is %s", id, ErrNotActive, run.State)
	}
	now := time.Now()
	run.State, run.Error, run.FinishedAt = Canceled, "canceled before it began", &now
	if err := r.Store.Update(ctx, run, nil); err != nil {
		r.Enqueue(run)
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	r.hub.notify(id)
	return nil
}

// Changed returns a channel that is closed when something of the run has
// changed: more output is stored, or it has another state. To miss nothing, take
// the channel first and look at the store then.
func (r *Runner) Changed(id int64) <-chan struct{} { return r.hub.changed(id) }

// Stop ends the runner: nothing more is started, and what runs gets TERM, its
// grace, then KILL; when ctx ends, KILL at once. What was interrupted is queued
// again, or failed, as its rule says. Stop returns when all is written.
func (r *Runner) Stop(ctx context.Context) {
	r.mu.Lock()
	if !r.stopped {
		r.stopped = true
		close(r.stopping)
	}
	for _, a := range r.running {
		a.end(interrupted)
	}
	r.mu.Unlock()

	done := make(chan struct{})
	go func() { r.ends.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		r.killAll()
		<-done
	}
}

func (r *Runner) killAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.running {
		a.kill()
	}
}

// persist calls a write of the store until it works: a full disk must not lose
// what a script did. It gives up when the runner stops, at the latest after
// giveUp, and then the next start finds the run as the disk last saw it.
func (r *Runner) persist(what string, run int64, write func(context.Context) error) error {
	const giveUp = 5 * time.Second
	ctx := context.Background()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := write(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.Log.Error("cannot write to the state folder; trying again", "what", what, "run", run, "in", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-r.stopping:
			if ctx == context.Background() {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, giveUp)
				defer cancel()
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return fmt.Errorf("%s of run %d: %w", what, run, err)
			}
		}
	}
}
