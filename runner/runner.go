package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// Config is what a Runner needs. All fields but Cgroups and Performer are required.
type Config struct {
	Store      Store
	Dir        string // folder for what scripts read; private, made if missing, emptied at start
	MaxRunning int    // attempts at once
	MaxQueued  int    // runs that wait; beyond that Full says so
	// Secret reads a reference at the moment a process starts.
	Secret func(rules.Reference) (rules.Secret, error)
	// Mask is what must not be shown of an attempt that starts now.
	Mask func() *Mask
	// Performer does what is no process; nil: such runs fail.
	Performer Performer
	Cgroups   *Cgroups // nil: attempts get no control groups
	Log       *slog.Logger
}

// A Runner executes runs. All methods may be called from any goroutine.
type Runner struct {
	Config
	name string // no other runner has it; it is no secret
	hub  hub
	ends sync.WaitGroup // one for each attempt under way
	// storing has one for each run that is stored in a reserved place.
	storing sync.WaitGroup

	// The two steps of stopping: nothing more starts and what runs gets TERM,
	// then KILL without a grace.
	stopping, killing context.Context
	stop, kill        context.CancelFunc
	patient           context.Context // of the writes that were begun before; done giveUp after stopping

	loads chan struct{} // holds a token for each payload that is being loaded

	cancels sync.Mutex // held while a run that is out of the queue is canceled in the store

	mu       sync.Mutex
	queue    queue
	running  map[int64]*attempt
	reserved map[*Run]seat
	places   [lanes]int       // of running and reserved: how many in each lane
	waiting  map[int64]waiter // runs whose time, or whose approval, has not come
	paused   map[string]bool  // hooks whose runs are not to begin
	parked   map[int64]Place  // their runs, which would be in the queue otherwise
	lined    int              // of all that has not begun: what Full counts for every hook
	aside    map[string]int   // and what it counts for its own hook alone
}

// New makes a runner that has nothing to do yet. Call Recover before Enqueue.
func New(c Config) (*Runner, error) {
	if err := makePrivate(c.Dir); err != nil {
		return nil, fmt.Errorf("make the folder for payloads: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder for payloads: %w", err)
	}
	c.Dir = dir
	r := &Runner{
		Config: c, name: rand.Text(), loads: make(chan struct{}, maxLoads), running: map[int64]*attempt{}, reserved: map[*Run]seat{},
		waiting: map[int64]waiter{}, parked: map[int64]Place{}, aside: map[string]int{},
	}
	r.stopping, r.stop = context.WithCancel(context.Background())
	r.killing, r.kill = context.WithCancel(context.Background())
	patient, lose := context.WithCancel(context.Background())
	r.patient = patient
	context.AfterFunc(r.stopping, func() { time.AfterFunc(giveUp, lose) })
	return r, nil
}

// makePrivate makes a folder, or makes sure that one that is there is a real
// folder of ours that nobody else can look into.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := isOwn(dir); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// Enqueue takes runs that are stored as queued, as waiting for their time, or as
// running in a place that was reserved, in order. It never waits.
func (r *Runner) Enqueue(runs ...*Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range runs {
		switch run.State {
		case Waiting:
			r.wait(placeOf(run))
		case Running:
			r.beginReserved(run)
		default:
			r.lineUp(placeOf(run), run)
		}
	}
	r.hub.notify(newcomers)
	r.dispatch()
}

// pass takes what tells of a run that was just written down.
func (r *Runner) pass(run *Run) {
	told := run.Told
	run.Told = nil
	if len(told) > 0 {
		r.Enqueue(told...)
	}
}

// SetLimits changes how many attempts may run at once and how many may wait.
// Those that run go on.
func (r *Runner) SetLimits(running, queued int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.MaxRunning, r.MaxQueued = running, queued
	r.dispatch()
}

// Full tells that no more runs of a hook should be accepted now. Those that wait
// for a person or for somebody else, or because their hook is paused, may do so
// for long: they count for their hook alone and keep no other from being accepted.
func (r *Runner) Full(hook string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lined >= r.MaxQueued || r.aside[hook] >= r.MaxQueued
}

// count counts a run for Full, or no longer. One that tells of another does not
// count: that people cannot be told is no reason to refuse events.
func (r *Runner) count(p Place, parked bool, by int) {
	switch {
	case p.Tells:
	case p.Held || parked || p.Lane != Processes:
		if r.aside[p.Hook] += by; r.aside[p.Hook] == 0 {
			delete(r.aside, p.Hook)
		}
	default:
		r.lined += by
	}
}

// Load tells how many runs are running and how many wait for a place.
func (r *Runner) Load() (running, queued int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running), r.queue.len() + len(r.parked)
}

// newcomers stands in the hub for all runs that are not in the runner's hands,
// so that looking at runs that are over leaves nothing behind there.
const newcomers = 0

// Changed returns a channel that is closed when something of the run has
// changed: more output is stored, or it has another state. To miss nothing, take
// the channel first and look at the store then. It may close without a change.
func (r *Runner) Changed(id int64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, waits := r.waiting[id]
	_, parked := r.parked[id]
	if r.running[id] == nil && !waits && !parked && !r.queue.has(id) {
		id = newcomers
	}
	return r.hub.changed(id)
}

// Stop ends the runner: nothing more is started, and what runs gets TERM, its
// grace, then KILL; when ctx ends, KILL at once. What was interrupted is queued
// again, or failed, as its rule says. Stop returns when all is written.
func (r *Runner) Stop(ctx context.Context) {
	defer context.AfterFunc(ctx, r.kill)()
	r.mu.Lock()
	r.stop()
	for _, a := range r.running {
		a.end(interrupted)
	}
	for id := range r.waiting {
		r.takeBack(id) // it waits on disk
	}
	r.mu.Unlock()
	r.awaitReserved()
	r.ends.Wait()
}

const (
	firstRetry = 50 * time.Millisecond // each later one waits twice as long
	lastRetry  = 2 * time.Second       // or at most this
	giveUp     = 5 * time.Second       // so long a write may take once the runner stops
)

// persist calls a write of the store until it works: a full disk must not lose
// what a script did. It gives up only when the runner stops, and then the next
// start finds the run as the disk last saw it.
func (r *Runner) persist(what string, run int64, write func(context.Context) error) error {
	ctx, cancel := r.untilGiveUp()
	defer cancel()
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := write(ctx)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s of run %d: %w", what, run, err)
		}
		r.Log.Error("something is not to be had now; trying again", "what", what, "run", run, "in", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// untilGiveUp is a context that ends giveUp after the runner began to stop, or
// after now if that is later.
func (r *Runner) untilGiveUp() (context.Context, context.CancelFunc) {
	if r.stopping.Err() == nil {
		return r.patient, func() {}
	}
	return context.WithTimeout(context.Background(), giveUp)
}
