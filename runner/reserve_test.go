package runner

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hooktender/hooktender/rules"
)

// accept stores a run as the intake does, with its place reserved if there is one,
// and what it should be then.
func (h *house) accept(want State, c *rules.Command) (run *Run, release func()) {
	h.t.Helper()
	run = h.store.add(c)
	release = h.runner.Reserve([]*Run{run})
	if run.State != want {
		h.t.Errorf("run %d is %s, not %s", run.ID, run.State, want)
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	stored := *run
	h.store.runs[run.ID] = &stored
	return run, release
}

func TestReserve(t *testing.T) {
	h := open(t, 2)
	first, release := h.accept(Running, sh("echo $HOOKTENDER_ATTEMPT; cat"))
	body := []byte("{}")
	first.Body = body
	second, _ := h.accept(Running, sh("true"))
	h.accept(Queued, sh("true")) // no place is left
	h.runner.Enqueue(first)
	clear(body) // it is the caller's again
	release()
	if run := h.ended(first.ID); run.State != Succeeded || run.Attempt != 1 || first.State != Running {
		t.Errorf("%+v", run)
	}
	if text, _ := h.store.printed(first.ID, 1, Stdout); text != "1\n{}" {
		t.Errorf("it printed %q", text)
	}
	if h.store.mu.Lock(); len(h.store.starts) != 0 {
		t.Errorf("its beginning was written once more")
	}
	h.store.mu.Unlock()

	// With the second in its place still, one is free, and somebody waits for two.
	h.runner.SetLimits(1, 1000)
	waits := h.start(sh("true"))
	h.accept(Queued, sh("true"))
	h.runner.SetLimits(2, 1000)
	h.ended(waits)
	h.runner.Enqueue(second)
	h.ended(second.ID)
}

// Who has others to heed, or is not to begin now, has no place reserved.
func TestReserveOnlyWhatMayBegin(t *testing.T) {
	h := open(t, 2)
	grouped := sh("true")
	grouped.Concurrency = &rules.Concurrency{Group: "deploy", Limit: 1}
	debounced := sh("true")
	debounced.Debounce = &rules.Debounce{}
	for _, c := range []*rules.Command{grouped, debounced} {
		h.accept(Queued, c)
	}
	held := h.store.add(sh("true"))
	held.State, held.Hold = Waiting, HoldApproval
	if h.runner.Reserve([]*Run{held}); held.State != Waiting {
		t.Errorf("held: %s", held.State)
	}
	h.runner.Pause(map[string]bool{"/hook": true})
	h.accept(Queued, sh("true"))
	h.runner.Pause(nil)
	_, release := h.accept(Running, sh("true"))
	release()
}

// What is not stored after all gives its place to others.
func TestReleaseReserved(t *testing.T) {
	h := open(t, 1)
	_, release := h.accept(Running, sh("true"))
	waits := h.start(sh("true"))
	if run := h.store.get(waits); run.State != Queued {
		t.Errorf("%s beside a reserved place", run.State)
	}
	release()
	h.ended(waits)
	release()
	if h.runner.mu.Lock(); h.runner.places[Processes] != 0 || len(h.runner.queue.lines) != 0 {
		t.Errorf("%d places, %d lines", h.runner.places[Processes], len(h.runner.queue.lines))
	}
	h.runner.mu.Unlock()
}

// A run that is stored while the server stops is queued for the next one, and
// nothing of it has happened.
func TestStopWaitsForReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 1)
		run, release := h.accept(Running, sh("true"))
		stopped := make(chan struct{})
		go func() { h.runner.Stop(context.Background()); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Fatal("it does not wait")
		default:
		}
		h.runner.Enqueue(run)
		release()
		<-stopped
		if now := h.store.get(run.ID); now.State != Queued || now.Process != "" {
			t.Errorf("%+v", now)
		}
		if again, _ := h.accept(Queued, sh("true")); again.State != Queued {
			t.Error("a place in a runner that stopped")
		}
	})
}

// A disk that hangs while it takes a run does not hold the stop up for good, and if
// the run comes then, nobody begins it any more.
func TestStopGivesUpOnReservedThatTheDiskDoesNotTake(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	run, release := h.accept(Running, sh("true"))
	takesUnder(t, 3*giveUp, func() { h.stop(context.Background()) })
	h.runner.Enqueue(run)
	release()
	if now := h.is(run.ID, Running); !strings.Contains(h.log.String(), "still not on disk") {
		t.Errorf("%+v\n%s", now, h.log)
	}
}

// Small bodies are handed over in memory, as many as there is room for.
func TestBodyAtHand(t *testing.T) {
	h := open(t, 1)
	var reads sync.Map
	h.store.before = func(_ context.Context, operation string, id int64) error {
		if operation == "body" {
			reads.Store(id, true)
		}
		return nil
	}
	gate := newGate(t)
	h.start(sh(gate.wait()))
	var ids []int64
	for _, size := range []int{0, 10, bodyAtHand, bodyAtHand + 1} {
		run := h.store.add(sh("tr -d '\\0' | wc -c"))
		run.Body = bytes.Repeat([]byte("x"), size)
		body := run.Body
		h.runner.Enqueue(run)
		clear(body) // it is the caller's again
		ids = append(ids, run.ID)
	}
	if h.runner.mu.Lock(); h.runner.queue.bodies != 10+bodyAtHand {
		t.Errorf("%d bytes are at hand", h.runner.queue.bodies)
	}
	h.runner.mu.Unlock()
	gate.open(1)
	for i, want := range []string{"0", "10", "65536", "25"} { // so many are in the store
		h.ended(ids[i])
		if text, _ := h.store.printed(ids[i], 1, Stdout); strings.TrimSpace(text) != want {
			t.Errorf("run %d read %q bytes, not %s", ids[i], text, want)
		}
	}
	for i, id := range ids {
		if _, read := reads.Load(id); read != (i == 3) {
			t.Errorf("the body of run %d was read from the store: %v", id, read)
		}
	}

	q := queue{}
	for id := range int64(200) {
		q.push(Place{ID: id}, &Run{ID: id, Body: make([]byte, bodyAtHand)})
	}
	if q.bodies != allAtHand || q.loaded[127].Body == nil || q.loaded[128].Body != nil {
		t.Errorf("%d bytes", q.bodies)
	}
	for q.len() > 0 {
		q.pop(Processes)
	}
	if q.bodies != 0 {
		t.Errorf("%d bytes of an empty queue", q.bodies)
	}
}
