package runner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func TestCancelQueued(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	first, second, third := h.start(sh(gate.wait())), h.start(sh("true")), h.start(sh("true"))
	changed := h.runner.Changed(second)
	if err := h.runner.Cancel(t.Context(), second, nil); err != nil {
		t.Fatal(err)
	}
	<-changed
	if run := h.is(second, Canceled); run.Attempt != 0 || run.FinishedAt == nil || run.Error != "canceled before it began" {
		t.Errorf("%+v", run)
	}
	gate.open(1)
	h.ended(first)
	h.ended(third)
	h.is(third, Succeeded)
}

func TestCancelRunning(t *testing.T) {
	h := open(t, 1)
	id := h.start(sh(`trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done`))
	h.prints(id, "ready")
	for range 2 {
		if err := h.runner.Cancel(t.Context(), id, nil); err != nil && !errors.Is(err, ErrNotActive) {
			t.Error(err)
		}
	}
	h.ended(id)
	if run := h.is(id, Canceled); run.ExitCode == nil || *run.ExitCode != 0 {
		t.Errorf("%+v", run)
	}
	h.prints(id, "bye")
}

func TestCancelEndedAndUnknown(t *testing.T) {
	h := open(t, 1)
	run, _ := h.run(sh("true"))
	if err := h.runner.Cancel(t.Context(), run.ID, nil); !errors.Is(err, ErrNotActive) || err.Error() != "cancel run 1: the run has ended already; it is succeeded" {
		t.Error(err)
	}
	if err := h.runner.Cancel(t.Context(), 999, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestCancelWhileItStarts(t *testing.T) {
	h := open(t, 4)
	for i := range 150 {
		run := h.store.add(sh("exec sleep 1000"))
		taken := h.runner.Changed(run.ID)
		var both sync.WaitGroup
		both.Go(func() { h.runner.Enqueue(run) })
		both.Go(func() {
			<-taken
			time.Sleep(time.Duration(i) * 20 * time.Microsecond) // another moment each time
			if err := h.runner.Cancel(t.Context(), run.ID, nil); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		h.ended(run.ID)
		h.is(run.ID, Canceled)
	}
}

// One that a newer run has displaced on disk a moment ago has ended, and is
// neither unknown nor queued again.
func TestCancelOfOneThatWasJustSuperseded(t *testing.T) {
	h := open(t, 0)
	run := h.addTo("g", 1, "echo never")
	h.runner.Enqueue(run)
	h.store.mu.Lock()
	h.store.runs[run.ID].State = Superseded
	h.store.mu.Unlock()
	if err := h.runner.Cancel(t.Context(), run.ID, nil); !errors.Is(err, ErrNotActive) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, queued := h.runner.Load(); queued != 0 {
		t.Errorf("%d are queued", queued)
	}
}

// A cancel that cannot be written down must not lose the run, nor its place.
func TestCancelThatFailsLeavesTheRunInItsPlace(t *testing.T) {
	for _, operation := range []string{"run", "update"} {
		h, gate := open(t, 1), newGate(t)
		h.store.before = func(_ context.Context, op string, id int64) error {
			if op == operation && id == 2 && h.store.get(1).State == Running {
				return errDisk
			}
			return nil
		}
		first := h.start(sh(gate.wait()))
		h.inState(first, Running)
		for range 2 {
			h.start(sh("true"))
		}
		if err := h.runner.Cancel(t.Context(), 2, nil); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		gate.open(1)
		h.ended(2)
		h.ended(3)
		h.is(2, Succeeded)
		if s := h.store.starts; len(s) != 3 || s[1] != 2 {
			t.Errorf("order of starts: %v", s)
		}
	}
}

// Who hangs up while a cancel is written leaves no run that is canceled on disk
// and started all the same.
func TestCancelOutlivesItsRequest(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	ctx, hangUp := context.WithCancel(t.Context())
	h.store.before = func(ctx context.Context, op string, id int64) error {
		if op == "update" && id == 2 {
			hangUp()
		}
		return ctx.Err()
	}
	first, second := h.start(sh(gate.wait())), h.start(sh("true"))
	if err := h.runner.Cancel(ctx, second, nil); err != nil {
		t.Error(err)
	}
	h.is(second, Canceled)
	gate.open(1)
	h.ended(first)
}

// Cancel reaches a run that waits for room for its payload.
func TestCancelWhileTheDiskIsFull(t *testing.T) {
	h := open(t, 1)
	h.store.before = func(_ context.Context, op string, _ int64) error {
		if op == "body" {
			return errDisk
		}
		return nil
	}
	id := h.start(sh("true"))
	h.inState(id, Running)
	if err := h.runner.Cancel(t.Context(), id, nil); err != nil {
		t.Error(err)
	}
	h.ended(id)
	h.is(id, Canceled)
}

func TestStopGivesEachScriptItsGrace(t *testing.T) {
	h := open(t, 2)
	script := `trap 'echo tidy; exit 1' TERM; echo ready; while :; do sleep 0.01; done`
	fail := sh(script)
	fail.OnInterrupt = rules.Fail
	again, failed, untouched := h.start(sh(script)), h.start(fail), h.start(sh("true"))
	h.prints(again, "ready")
	h.prints(failed, "ready")
	h.stop(context.Background())

	if run := h.is(again, Queued); run.Attempt != 1 || run.FinishedAt != nil {
		t.Errorf("%+v", run)
	}
	h.is(failed, Failed)
	if run := h.is(untouched, Queued); run.Attempt != 0 || run.StartedAt != nil {
		t.Errorf("%+v", run)
	}
	h.prints(again, "tidy")
	if left, _ := os.ReadDir(h.runner.Dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	h.runner.Enqueue(h.store.add(sh("true")))
	h.runner.SetLimits(100, 1000)
	if running, queued := h.runner.Load(); running != 0 || queued != 2 {
		t.Errorf("after Stop %d run, %d are queued", running, queued)
	}
}

func TestTheSecondStepOfStopKillsAtOnce(t *testing.T) {
	h := open(t, 1)
	c := sh(`trap 'echo deaf' TERM; echo ready; while :; do sleep 0.01; done`)
	c.Grace = rules.Duration(time.Hour)
	id := h.start(c)
	h.prints(id, "ready")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := make(chan struct{})
	go func() { h.runner.Stop(ctx); close(stopped) }()
	h.prints(id, "deaf") // TERM has come
	cancel()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("Stop does not return")
	}
	if run := h.is(id, Queued); run.Signal != "SIGKILL" {
		t.Errorf("%+v", run)
	}
}

// Stop at each moment on the way to the start.
func TestStopWhileItBegins(t *testing.T) {
	for _, moment := range []string{"run", "update", "body", "note"} {
		t.Run(moment, func(t *testing.T) {
			h := open(t, 1)
			c := sh("exec sleep 1000")
			c.Grace = rules.Duration(time.Hour) // the second step must not need it
			c.OnInterrupt = rules.Fail
			id := h.store.add(c).ID
			at, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			h.store.before = func(_ context.Context, op string, _ int64) error {
				if op == moment {
					once.Do(func() { close(at); <-goOn })
				}
				return nil
			}
			if err := h.runner.Recover(t.Context()); err != nil { // queued without its command
				t.Fatal(err)
			}
			<-at
			stopped := make(chan struct{})
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			go func() { h.runner.Stop(ctx); close(stopped) }()
			<-h.runner.killing.Done()
			h.runner.mu.Lock()
			beginning := h.runner.running[id]
			h.runner.mu.Unlock()
			<-beginning.stop // it has heard of it
			close(goOn)
			<-stopped
			want := Queued // nothing was started, so nothing can happen twice
			if moment == "note" {
				want = Failed
			}
			h.is(id, want)
		})
	}
}

// A script that is through is not interrupted because its end takes a while to
// reach the disk.
func TestStopWhileTheEndIsWritten(t *testing.T) {
	h := open(t, 1)
	at, goOn := make(chan struct{}), make(chan struct{})
	h.store.before = func(_ context.Context, op string, _ int64) error {
		if op == "append" {
			close(at)
			<-goOn
		}
		return nil
	}
	id := h.start(sh("echo out; sleep 0.3"))
	<-at
	// The attempt waits for this write; look until its process is collected.
	a := h.attempt(id)
	for settled := false; !settled; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		settled = a.settled
		a.mu.Unlock()
	}
	if err := h.runner.Cancel(t.Context(), id, nil); !errors.Is(err, ErrNotActive) {
		t.Errorf("cancel of a script that is through: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) })
	h.stop(context.Background())
	h.is(id, Succeeded)
	h.prints(id, "out")
}

func (h *house) attempt(id int64) *attempt {
	h.runner.mu.Lock()
	defer h.runner.mu.Unlock()
	return h.runner.running[id]
}
