package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

var _ Store = (*fakeStore)(nil)

// A fakeStore keeps runs in memory and lets nothing pass that is against the
// states or the numbering of output.
type fakeStore struct {
	t testing.TB

	mu       sync.Mutex
	runs     map[int64]*Run
	body     []byte
	output   map[string][]Chunk // by "run-attempt"
	starts   []int64            // runs in the order of their beginning
	peak     int                // most at once
	failures int                // in a row
	changed  chan struct{}      // closed at each write

	// before is asked first thing in every operation, without the lock.
	before func(ctx context.Context, operation string, id int64) error
	// file, if not empty, holds the runs after each write.
	file string
}

func newFakeStore(t testing.TB) *fakeStore {
	return &fakeStore{t: t, runs: map[int64]*Run{}, output: map[string][]Chunk{}, changed: make(chan struct{}), body: []byte(`{"ref":"refs/heads/main"}`)}
}

// add stores a queued run and returns it as the intake would hand it on.
func (s *fakeStore) add(c *rules.Command) *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := int64(len(s.runs) + 1)
	run := Run{ID: id, Delivery: 100 + id, Hook: "/hook", Rule: "rule", Action: "run", State: Queued, QueuedAt: time.Now(), Event: "push", Command: c}
	run.Action = c.Action()
	if c.Concurrency != nil {
		run.Group = c.Concurrency.Group
	}
	s.runs[id] = &run
	handed := run
	return &handed
}

// tell stores those that tell of a run.
func (s *fakeStore) tell(run *Run) {
	if len(run.Command.Tell) == 0 {
		return
	}
	switch run.State {
	case Failed, TimedOut:
		s.failures++
	case Succeeded:
		defer func() { s.failures = 0 }()
	}
	run.Told = run.Tidings(Streak{Failures: s.failures}, time.Now())
	for _, told := range run.Told {
		told.ID = int64(len(s.runs) + 1)
		kept := *told
		s.runs[told.ID] = &kept
	}
}

func (s *fakeStore) ask(ctx context.Context, operation string, id int64) error {
	if s.before == nil {
		return nil
	}
	return s.before(ctx, operation, id)
}

func (s *fakeStore) Update(ctx context.Context, run *Run, output *Chunk) error {
	if err := s.ask(ctx, "update", run.ID); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.runs[run.ID]
	if old == nil {
		return fs.ErrNotExist
	}
	if err := legal(old, run); err != nil {
		s.t.Errorf("update of run %d: %v", run.ID, err)
	}
	if output != nil {
		s.keep(output)
	}
	if run.State == Running {
		s.starts = append(s.starts, run.ID)
	}
	process := old.Process
	*old = *run
	old.Process = process
	s.tell(run)
	s.peak = max(s.peak, s.count(Running))
	s.wrote()
	return nil
}

// legal is docs/states.md, as far as the runner goes.
func legal(from, to *Run) error {
	next := map[State][]State{
		Queued:  {Running, Canceled},
		Waiting: {Running, Canceled, Queued, Waiting},
		Running: {Queued, Waiting, Succeeded, Failed, TimedOut, Canceled, Superseded},
	}
	switch {
	case !slices.Contains(next[from.State], to.State):
		return fmt.Errorf("from %s to %s", from.State, to.State)
	case to.State == Running && to.Attempt != from.Attempt+1, to.State != Running && to.Attempt != from.Attempt:
		return fmt.Errorf("%s with attempt %d after %s with %d", to.State, to.Attempt, from.State, from.Attempt)
	case to.State == Running && (to.StartedAt == nil || to.ExitCode != nil || to.Signal != "" || to.Error != ""):
		return fmt.Errorf("running, and %+v", to)
	case to.State.Ended() != (to.FinishedAt != nil):
		return fmt.Errorf("%s, finished at %v", to.State, to.FinishedAt)
	case to.State.Ended() && (to.State == Succeeded) != (to.Error == ""):
		return fmt.Errorf("%s, error %q", to.State, to.Error)
	}
	return nil
}

func (s *fakeStore) count(state State) (n int) {
	for _, r := range s.runs {
		if r.State == state {
			n++
		}
	}
	return n
}

func (s *fakeStore) AppendOutput(ctx context.Context, c *Chunk) error {
	if err := s.ask(ctx, "append", c.Run); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(c)
	s.wrote()
	return nil
}

func (s *fakeStore) keep(c *Chunk) {
	key := fmt.Sprintf("%d-%d", c.Run, c.Attempt)
	run := s.runs[c.Run]
	if run == nil || run.State != Running || run.Attempt != c.Attempt {
		s.t.Errorf("output %s for %+v", key, run)
	}
	if c.Seq != len(s.output[key])+1 {
		s.t.Errorf("output %s has chunk %d after %d", key, c.Seq, len(s.output[key]))
	}
	if len(c.Data) == 0 {
		s.t.Errorf("output %s has an empty chunk", key)
	}
	s.output[key] = append(s.output[key], *c)
}

func (s *fakeStore) NoteCancel(ctx context.Context, id int64, _ *AuditEntry) error {
	if err := s.ask(ctx, "cancel", id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[id].Canceling = true
	return nil
}

func (s *fakeStore) NoteProcess(id int64, process string) {
	_ = s.ask(context.Background(), "note", id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[id].Process = process
	s.wrote()
}

func (s *fakeStore) Take(ctx context.Context, run *Run) error {
	if old := s.get(run.ID); old != nil && old.State != Queued && old.State != Waiting {
		return fmt.Errorf("run %d is %s: %w", run.ID, old.State, fs.ErrNotExist)
	}
	return s.Update(ctx, run, nil)
}

func (s *fakeStore) Approve(ctx context.Context, run *Run) (Displaced, error) {
	return Displaced{}, s.Take(ctx, run)
}

func (s *fakeStore) Unfinished(ctx context.Context, state State) ([]Place, error) {
	if err := s.ask(ctx, "unfinished", 0); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var places []Place
	for _, id := range slices.Sorted(maps.Keys(s.runs)) {
		if s.runs[id].State == state {
			places = append(places, placeOf(s.runs[id]))
		}
	}
	return places, nil
}

func (s *fakeStore) Run(ctx context.Context, id int64) (*Run, error) {
	if err := s.ask(ctx, "run", id); err != nil {
		return nil, err
	}
	if run := s.get(id); run != nil {
		return run, nil
	}
	return nil, fmt.Errorf("run %d: %w", id, fs.ErrNotExist)
}

func (s *fakeStore) Body(ctx context.Context, delivery int64) ([]byte, error) {
	if err := s.ask(ctx, "body", delivery-100); err != nil {
		return nil, err
	}
	return s.body, nil
}

func (s *fakeStore) get(id int64) *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[id] == nil {
		return nil
	}
	run := *s.runs[id]
	return &run
}

func (s *fakeStore) wrote() {
	if s.file != "" {
		s.save()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// A savedRun has what the API does not show.
type savedRun struct {
	Run
	Process, Event string
}

func (s *fakeStore) save() {
	var list []savedRun
	for _, r := range s.runs {
		list = append(list, savedRun{*r, r.Process, r.Event})
	}
	data, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(s.file+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(s.file+".new", s.file)
	}
	if err != nil {
		s.t.Error(err)
	}
}

func (s *fakeStore) load(file string) {
	data, err := os.ReadFile(file)
	var list []savedRun
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range list {
		r.Run.Process, r.Run.Event = r.Process, r.Event
		s.runs[r.ID] = &r.Run
	}
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// await returns when the condition holds, which is looked at after each write.
func (s *fakeStore) await(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		changed, ok := s.changed, condition()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("%s did not happen", what)
		}
	}
}

// printed is what an attempt wrote to one stream, and the bytes left out.
func (s *fakeStore) printed(id int64, attempt int, stream Stream) (text string, omitted int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.printedLocked(id, attempt, stream)
}

func (s *fakeStore) printedLocked(id int64, attempt int, stream Stream) (text string, omitted int64) {
	var b strings.Builder
	for _, c := range s.output[fmt.Sprintf("%d-%d", id, attempt)] {
		for seg, err := range c.Segments() {
			if err != nil {
				s.t.Error(err)
			}
			if seg.Stream == stream {
				b.Write(seg.Data)
			}
			omitted += seg.Omitted
		}
	}
	return b.String(), omitted
}

// A house is a runner with its fake store.
type house struct {
	t       testing.TB
	store   *fakeStore
	runner  *Runner
	log     *logBuffer
	secret  func(rules.Reference) (rules.Secret, error)
	mask    *Mask
	perform func(context.Context, *Job) error
}

// Perform is asked by the runner.
func (h *house) Perform(ctx context.Context, job *Job) error { return h.perform(ctx, job) }

type logBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // holds a token after a write
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wake(l.written)
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open makes a runner in a folder of its own. At the end of the test it is
// stopped and must leave neither files nor processes.
func open(t testing.TB, atOnce int) *house { return openIn(t, t.TempDir(), atOnce) }

func openIn(t testing.TB, dir string, atOnce int) *house {
	h := &house{t: t, store: newFakeStore(t), log: &logBuffer{written: make(chan struct{}, 1)}}
	h.secret = func(ref rules.Reference) (rules.Secret, error) { return "", fmt.Errorf("no secret %s", ref) }
	var err error
	h.runner, err = New(Config{
		Store: h.store, Dir: dir, MaxRunning: atOnce, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Secret:    func(ref rules.Reference) (rules.Secret, error) { return h.secret(ref) },
		Mask:      func() *Mask { return h.mask },
		Performer: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

// strays finds processes of attempts that use this folder; nil where no /proc is.
var strays func(dir string) []int

func (h *house) close() {
	h.stopNow()
	if left, _ := os.ReadDir(h.runner.Dir); len(left) > 0 {
		h.t.Errorf("%d files are left, the first is %s", len(left), left[0])
	}
	if strays != nil {
		if left := strays(h.runner.Dir); len(left) > 0 {
			h.t.Errorf("processes are left: %v", left)
		}
	}
}

// stopNow is the second step of stopping.
func (h *house) stopNow() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.stop(ctx)
}

func (h *house) stop(ctx context.Context) {
	h.t.Helper()
	done := make(chan struct{})
	go func() { h.runner.Stop(ctx); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		h.t.Fatal("Stop does not return")
	}
}

// sh is a command with small limits of time.
func sh(script string) *rules.Command {
	return &rules.Command{
		Script: script, Shell: []string{"/bin/sh", "-c"}, OutputLimit: 1 << 20,
		Timeout: rules.Duration(time.Minute), Grace: rules.Duration(20 * time.Second), OnInterrupt: rules.Rerun,
	}
}

func list(argv ...string) *rules.Command {
	c := sh("")
	for _, a := range argv {
		c.Argv = append(c.Argv, rules.Plain(a))
	}
	return c
}

func (h *house) start(c *rules.Command) int64 {
	run := h.store.add(c)
	h.runner.Enqueue(run)
	return run.ID
}

// ended waits for the end of a run, as whoever follows it does.
func (h *house) ended(id int64) *Run {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		changed := h.runner.Changed(id)
		run := h.store.get(id)
		if run.State.Ended() {
			return run
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("run %d does not end: %+v\n%s", id, run, h.log)
		}
	}
}

// run executes a command to its end.
func (h *house) run(c *rules.Command) (*Run, string) {
	h.t.Helper()
	id := h.start(c)
	run := h.ended(id)
	text, _ := h.store.printed(id, run.Attempt, Stdout)
	return run, text
}

// prints waits until the first attempt has printed this.
func (h *house) prints(id int64, text string) {
	h.t.Helper()
	h.store.await(fmt.Sprintf("run %d printing %q", id, text), func() bool {
		out, _ := h.store.printedLocked(id, 1, Stdout)
		return strings.Contains(out, text)
	})
}

func (h *house) is(id int64, want State) *Run {
	h.t.Helper()
	run := h.store.get(id)
	if run.State != want {
		h.t.Errorf("run %d is %s (%s), not %s", id, run.State, run.Error, want)
	}
	return run
}

// inState waits for a state that may be no end.
func (h *house) inState(id int64, want State) {
	h.t.Helper()
	h.store.await(fmt.Sprintf("run %d being %s", id, want), func() bool { return h.store.runs[id].State == want })
}

// takesUnder fails where something took longer than it may.
func takesUnder(t testing.TB, limit time.Duration, f func()) {
	t.Helper()
	begun := time.Now()
	f()
	if took := time.Since(begun); took > limit {
		t.Errorf("took %v, more than %v", took, limit)
	}
}

var errDisk = errors.New("no space left on device")
