package runner

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// addFor stores a run of a hook, with changes.
func (h *house) addFor(hook string, c *rules.Command, change func(*Run)) *Run {
	run := h.store.add(c)
	run.Hook = hook
	if c.Concurrency != nil {
		run.Group = c.Concurrency.Group
	}
	change(run)
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	stored := *run
	h.store.runs[run.ID] = &stored
	return run
}

func hold(r *Run) { r.State, r.Hold = Waiting, HoldApproval }

func asIs(*Run) {}

func TestApprove(t *testing.T) {
	h := open(t, 4)
	run := h.addFor("/a", sh("true"), hold)
	h.runner.Enqueue(run)
	h.is(run.ID, Waiting)
	if err := h.runner.Approve(t.Context(), run.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.ended(run.ID); got.State != Succeeded || got.Hold != "" {
		t.Errorf("%+v", got)
	}
	if err := h.runner.Approve(t.Context(), run.ID, nil); !errors.Is(err, ErrNotHeld) || err.Error() != "approve run 1: the run does not wait for anyone's approval; it is succeeded" {
		t.Errorf("approved twice: %v", err)
	}
	if err := h.runner.Reject(t.Context(), 999, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rejected what is not there: %v", err)
	}
}

// A yes before the time has come counts when it has.
func TestApproveBeforeTheTime(t *testing.T) {
	h := open(t, 4)
	soon := time.Now().Add(200 * time.Millisecond)
	run := h.addFor("/a", sh("true"), func(r *Run) { hold(r); r.NotBefore = &soon })
	h.runner.Enqueue(run)
	if err := h.runner.Approve(t.Context(), run.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.ended(run.ID); got.State != Succeeded || got.StartedAt.Before(soon) {
		t.Errorf("%+v, not before %v", got, soon)
	}
}

// Where a yes or a no cannot be written down, the run waits as before.
func TestApprovalThatCannotBeWritten(t *testing.T) {
	h := open(t, 4)
	run := h.addFor("/a", sh("true"), hold)
	h.runner.Enqueue(run)
	h.store.before = func(_ context.Context, operation string, _ int64) error {
		if operation == "update" {
			return errDisk
		}
		return nil
	}
	if err := h.runner.Approve(t.Context(), run.ID, nil); !errors.Is(err, errDisk) {
		t.Errorf("approved: %v", err)
	}
	if err := h.runner.Reject(t.Context(), run.ID, nil); !errors.Is(err, errDisk) {
		t.Errorf("rejected: %v", err)
	}
	h.store.before = nil
	if err := h.runner.Reject(t.Context(), run.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.ended(run.ID); got.State != Canceled || got.Error != rejectedEarly || got.Attempt != 0 {
		t.Errorf("%+v", got)
	}
}

// The runs of a paused hook stay where they are, those of others in the same
// group do not wait for them, and afterwards the order is that of the ids.
func TestPause(t *testing.T) {
	h := open(t, 4)
	h.runner.Pause(map[string]bool{"/a": true})
	grouped := sh("true")
	grouped.Concurrency = &rules.Concurrency{Group: "g", Limit: 1, Busy: rules.Queue}
	first, second := h.addFor("/a", grouped, asIs), h.addFor("/b", grouped, asIs)
	third, fourth := h.addFor("/a", grouped, asIs), h.addFor("/a", sh("true"), asIs)
	h.runner.Enqueue(first, second, third, fourth)
	h.ended(second.ID)
	if _, queued := h.runner.Load(); queued != 3 {
		t.Errorf("%d are queued", queued)
	}
	if err := h.runner.Cancel(t.Context(), fourth.ID, nil); err != nil {
		t.Error(err)
	}
	h.runner.Pause(nil)
	h.ended(first.ID)
	h.ended(third.ID)
	if got := h.store.starts; len(got) != 3 || got[0] != second.ID || got[1] != first.ID || got[2] != third.ID {
		t.Errorf("they began in the order %v", got)
	}
	h.is(fourth.ID, Canceled)
}

// A pause takes those out that wait in the queue already.
func TestPauseWhatIsQueued(t *testing.T) {
	h := open(t, 1)
	busy := h.addFor("/b", sh("sleep 100"), asIs)
	queued := h.addFor("/a", sh("true"), asIs)
	h.runner.Enqueue(busy, queued)
	h.inState(busy.ID, Running)
	h.runner.Pause(map[string]bool{"/a": true})
	if err := h.runner.Cancel(t.Context(), busy.ID, nil); err != nil {
		t.Fatal(err)
	}
	h.ended(busy.ID)
	next := h.addFor("/b", sh("true"), asIs)
	h.runner.Enqueue(next)
	h.ended(next.ID)
	h.is(queued.ID, Queued)
	h.runner.Pause(map[string]bool{})
	h.ended(queued.ID)
}

// What waits for a person, and what a paused hook holds, is in nobody else's way.
func TestFullOfWhatIsHeld(t *testing.T) {
	h := open(t, 1)
	h.runner.SetLimits(1, 2)
	h.runner.Pause(map[string]bool{"/paused": true})
	for range 2 {
		h.runner.Enqueue(h.addFor("/held", sh("true"), hold), h.addFor("/paused", sh("true"), asIs))
	}
	full := func(hook string) bool { return h.runner.Full(hook) }
	if !full("/held") || !full("/paused") || full("/other") {
		t.Errorf("held %v, paused %v, other %v", full("/held"), full("/paused"), full("/other"))
	}
	if err := h.runner.Reject(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.runner.Cancel(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	if full("/held") || full("/paused") {
		t.Errorf("held %v, paused %v", full("/held"), full("/paused"))
	}
	h.runner.Pause(nil)
	h.ended(4)
	h.runner.Pause(map[string]bool{"/paused": true})
	if full("/paused") {
		t.Error("what has ended counts")
	}
}
