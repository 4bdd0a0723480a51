package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// call is a command that is no process.
func call() *rules.Command {
	return &rules.Command{
		HTTP: &rules.HTTPCall{Method: "POST", URL: rules.Plain("https://crm.example")}, Timeout: rules.Duration(time.Minute),
		Grace: rules.Duration(5 * time.Second), OutputLimit: 1 << 16, OnInterrupt: rules.Rerun,
		Retry: &rules.Retry{Attempts: 3, Delay: rules.Duration(10 * time.Second), MaxDelay: rules.Duration(time.Minute), On: []string{"failure", "timeout"}},
	}
}

// inBubble gives a test a clock of its own, and a runner in it.
func inBubble(t *testing.T, do func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, 4)
		do(t, h)
	})
}

func TestCallSucceeds(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.secret = func(rules.Reference) (rules.Secret, error) { return "s3cr3t-t0ken", nil }
		h.perform = func(ctx context.Context, job *Job) error {
			token, err := job.Reveal(rules.Text{{Literal: "Bearer "}, {Ref: "env:TOKEN"}})
			if err != nil || token != "Bearer s3cr3t-t0ken" {
				t.Errorf("%q, %v", token, err)
			}
			body, err := job.Body(ctx)
			if err != nil || !strings.Contains(string(body), "refs/heads/main") {
				t.Errorf("%q, %v", body, err)
			}
			fmt.Fprintf(job.Output, "200 OK, and who may: %s", token)
			return nil
		}
		run, text := h.run(call())
		if run.State != Succeeded || run.Error != "" || run.Attempt != 1 || run.ExitCode != nil {
			t.Errorf("%+v", run)
		}
		if !strings.HasPrefix(text, "200 OK") || strings.Contains(text, "s3cr3t") {
			t.Errorf("printed %q", text)
		}
	})
}

func TestCallIsTriedAgain(t *testing.T) {
	soon := errors.New("connection refused")
	for name, c := range map[string]struct {
		errs     []error // of the attempts
		state    State
		attempts int
		failures int
		took     time.Duration // at least
		atMost   time.Duration
	}{
		"once":             {[]error{soon}, Succeeded, 2, 1, 8 * time.Second, 12 * time.Second},
		"as asked":         {[]error{&PerformError{Err: soon, After: 3 * time.Hour}}, Succeeded, 2, 1, 3 * time.Hour, 3*time.Hour + time.Second},
		"never":            {[]error{&PerformError{Err: errors.New("404 unknown webhook"), Final: true}}, Failed, 1, 0, 0, time.Second},
		"often enough":     {[]error{soon, soon, soon}, Failed, 3, 3, 24 * time.Second, 36 * time.Second},
		"deferred for now": {[]error{deferred(), deferred(), deferred(), deferred(), soon}, Succeeded, 6, 1, 4 * time.Minute, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, h *house) {
				left := c.errs
				h.perform = func(context.Context, *Job) error {
					if len(left) == 0 {
						return nil
					}
					err := left[0]
					left = left[1:]
					return err
				}
				begun := time.Now()
				id := h.start(call())
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				run := h.is(id, c.state)
				if run.Attempt != c.attempts || run.Failures != c.failures {
					t.Errorf("%d attempts, %d failures: %s", run.Attempt, run.Failures, run.Error)
				}
				if took := run.FinishedAt.Sub(begun); took < c.took || took > c.atMost {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func deferred() error {
	return &PerformError{Err: errors.New("it asks to be left alone"), After: time.Minute, Deferred: true}
}

func TestCallTakesTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.perform = func(ctx context.Context, _ *Job) error { <-ctx.Done(); return ctx.Err() }
		c := call()
		c.Retry = nil
		id := h.start(c)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if run := h.is(id, TimedOut); !strings.Contains(run.Error, "timeout of 1m0s") {
			t.Errorf("%s", run.Error)
		}
	})
}

func TestCallIsCanceled(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.perform = func(ctx context.Context, _ *Job) error { <-ctx.Done(); return ctx.Err() }
		id := h.start(call())
		synctest.Wait()
		if err := h.runner.Cancel(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.is(id, Canceled)
	})
}

// A call under way when the server stops has its grace to come through; one that
// does not is made again.
func TestCallWhenTheServerStops(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		want  State
	}{"through": {2 * time.Second, Succeeded}, "not through": {time.Minute, Queued}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, h *house) {
				h.perform = func(ctx context.Context, _ *Job) error {
					select {
					case <-time.After(c.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				id := h.start(call())
				synctest.Wait()
				h.stop(t.Context())
				h.is(id, c.want)
			})
		})
	}
}

// Calls have places of their own: neither kind waits for the other.
func TestCallsAndProcessesHaveTheirOwnPlaces(t *testing.T) {
	h := open(t, 1)
	hold := make(chan struct{})
	h.perform = func(ctx context.Context, _ *Job) error {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil
	}
	var calls []int64
	for range callsOfHook + 3 {
		calls = append(calls, h.start(call()))
	}
	if run, _ := h.run(sh("true")); run.State != Succeeded { // while all calls hang
		t.Errorf("%+v", run)
	}
	h.store.await("the calls", func() bool { return h.store.count(Running) == callsOfHook })
	close(hold)
	for _, id := range calls {
		if run := h.ended(id); run.State != Succeeded {
			t.Errorf("%+v", run)
		}
	}
	h.stop(t.Context())
	if running, queued := h.runner.Load(); running > 0 || queued > 0 {
		t.Errorf("%d running, %d queued", running, queued)
	}
}

// tellers are those of a run, as "moment to".
func (h *house) told(of int64) (list []string) {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	for _, r := range h.store.runs {
		if r.TellsOf != of {
			continue
		}
		if n := r.Command.Notification; n != nil {
			list = append(list, fmt.Sprintf("%s %s", n.To, n.Moment))
		} else {
			list = append(list, "status "+r.Command.Status.State)
		}
	}
	slices.Sort(list)
	return list
}

func TestPeopleAreTold(t *testing.T) {
	all := []rules.Notice{
		{To: "all", On: rules.Moments},
		{To: "usual", On: []rules.Moment{rules.OnFailure, rules.OnRecovery}},
		{To: "timeouts", On: []rules.Moment{rules.OnTimeout}},
		{Status: &rules.CommitStatus{Service: "github"}},
	}
	var mu sync.Mutex
	sent := 0
	h := open(t, 1)
	h.perform = func(context.Context, *Job) error {
		mu.Lock()
		defer mu.Unlock()
		sent++
		return &PerformError{Err: errors.New("nobody is there"), Final: true}
	}
	expected := 0
	for _, c := range []struct {
		script string
		after  time.Duration
		state  State
		want   []string
	}{
		{"true", 0, Succeeded, []string{"all start", "all success", "status pending", "status success"}},
		{"false", 0, Failed, []string{"all failure", "all start", "status failure", "status pending", "usual failure"}},
		{"sleep 60", 50 * time.Millisecond, TimedOut, []string{"all start", "all timeout", "status failure", "status pending", "timeouts timeout", "usual failure"}},
		{"true", 0, Succeeded, []string{"all recovery", "all start", "status pending", "status success", "usual recovery"}},
		{"true", 0, Succeeded, []string{"all start", "all success", "status pending", "status success"}},
	} {
		cmd := sh(c.script)
		cmd.Tell = all
		if c.after > 0 {
			cmd.Timeout = rules.Duration(c.after)
		}
		run, _ := h.run(cmd)
		if got := h.told(run.ID); run.State != c.state || !slices.Equal(got, c.want) {
			t.Errorf("%s: %s, told %q, want %q", c.script, run.State, got, c.want)
		}
		expected += len(c.want)
	}
	// Each of them failed, was seen to fail, and nobody was told of that.
	h.store.await("the tidings", func() bool { return h.store.count(Failed) >= expected })
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	for _, r := range h.store.runs {
		if told := h.store.runs[r.TellsOf]; told != nil && told.TellsOf != 0 {
			t.Errorf("%+v tells of one that tells", r)
		}
	}
}

// What tells of others is no reason to refuse events, and goes on while their
// hook is paused.
func TestTellingIsAside(t *testing.T) {
	h := open(t, 1)
	h.runner.SetLimits(1, 2)
	h.runner.Pause(map[string]bool{"/hook": true})
	hold := make(chan struct{})
	h.perform = func(ctx context.Context, _ *Job) error { <-hold; return nil }
	var told []int64
	for range 5 {
		c := rules.NotifyCommand(&rules.Notification{To: "ops", Moment: rules.OnFailure, Of: &rules.Outcome{Run: 999}})
		run := h.store.add(c)
		run.TellsOf = 999
		h.runner.Enqueue(run)
		told = append(told, run.ID)
	}
	if h.runner.Full("/hook") || h.runner.Full("/other") {
		t.Error("full of tidings")
	}
	close(hold)
	for _, id := range told {
		h.ended(id)
	}
	event := h.start(call())
	h.start(call())
	if !h.runner.Full("/hook") || h.store.get(event).State != Queued {
		t.Error("events of a paused hook are not held")
	}
	h.runner.Pause(nil)
	h.ended(event)
}

// message is a run that tells one place something.
func (h *house) message(to string) *Run {
	run := h.store.add(rules.NotifyCommand(&rules.Notification{To: to, Moment: rules.OnFailure, Of: &rules.Outcome{Run: 999}}))
	run.TellsOf = 999
	h.store.runs[run.ID].TellsOf = 999
	return run
}

// What one place is told comes in order, also when the first has to be said again;
// a place that asks to be left alone is left alone by all, and no other waits.
func TestMessagesComeInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		var mu sync.Mutex
		var said []string
		begun, asked := time.Now(), 0
		h.perform = func(_ context.Context, job *Job) error {
			mu.Lock()
			defer mu.Unlock()
			to := job.Run.Command.Notification.To
			if to == "ops" && time.Since(begun) < time.Hour {
				asked++
				return deferred()
			}
			said = append(said, fmt.Sprintf("%s %d", to, job.Run.ID))
			return nil
		}
		for range 20 {
			h.runner.Enqueue(h.message("ops"))
		}
		h.runner.Enqueue(h.message("phone"))
		synctest.Wait()
		mu.Lock()
		if !slices.Equal(said, []string{"phone 21"}) {
			t.Errorf("at once: %q", said)
		}
		mu.Unlock()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []string{"phone 21"}
		for id := range 20 {
			want = append(want, fmt.Sprintf("ops %d", id+1))
		}
		if !slices.Equal(said, want) {
			t.Errorf("said %q", said)
		}
		if asked > 65 { // once a minute
			t.Errorf("the place that asked to be left alone was asked %d times", asked)
		}
	})
}

// The same when they waited on disk; and who cancels the one for which the others
// wait lets them go on.
func TestMessagesComeInOrderAfterARestart(t *testing.T) {
	for _, cancel := range []bool{false, true} {
		inBubble(t, func(t *testing.T, h *house) {
			var mu sync.Mutex
			var said []int64
			h.perform = func(_ context.Context, job *Job) error {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, job.Run.ID)
				return nil
			}
			told := func() []int64 { mu.Lock(); defer mu.Unlock(); return slices.Clone(said) }
			at := time.Now().Add(10 * time.Minute)
			first := h.store.runs[h.message("ops").ID]
			first.State, first.NotBefore, first.Attempt = Waiting, &at, 1
			h.message("ops")
			if err := h.runner.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if said := told(); len(said) > 0 {
				t.Errorf("said %v before its time", said)
			}
			want := []int64{1, 2}
			if cancel {
				if err := h.runner.Cancel(t.Context(), 1, nil); err != nil {
					t.Fatal(err)
				}
				want = want[1:]
			}
			time.Sleep(11 * time.Minute)
			synctest.Wait()
			if said := told(); !slices.Equal(said, want) {
				t.Errorf("said %v, want %v", said, want)
			}
		})
	}
}

// A message whose time has not come, because what it tells of has not, keeps no
// other.
func TestMessageOfLater(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.perform = func(context.Context, *Job) error { return nil }
		later := h.message("ops")
		at := time.Now().Add(time.Hour)
		later.State, later.NotBefore = Waiting, &at
		h.store.runs[later.ID].State, h.store.runs[later.ID].NotBefore = Waiting, &at
		now := h.message("ops")
		h.runner.Enqueue(later, now)
		synctest.Wait()
		h.is(now.ID, Succeeded)
		h.is(later.ID, Waiting)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		h.is(later.ID, Succeeded)
	})
}

// What nobody could be told for a day is no news.
func TestMessagesGrowOld(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.perform = func(context.Context, *Job) error { return deferred() }
		run := h.message("ops")
		h.runner.Enqueue(run)
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if run := h.is(run.ID, Failed); !strings.Contains(run.Error, "no news any more") {
			t.Errorf("%+v", run)
		}
	})
}

// A group holds whatever its runs do.
func TestGroupOfACallAndAProcess(t *testing.T) {
	h := open(t, 4)
	hold := make(chan struct{})
	h.perform = func(context.Context, *Job) error { <-hold; return nil }
	one := &rules.Concurrency{Group: "prod", Limit: 1, Busy: rules.Queue}
	c, s := call(), sh("true")
	c.Concurrency, s.Concurrency = one, one
	first := h.start(c)
	h.inState(first, Running)
	second := h.start(s)
	if run, _ := h.run(sh("true")); run.State != Succeeded { // of no group
		t.Errorf("%+v", run)
	}
	h.is(second, Queued)
	close(hold)
	h.ended(second)
	if h.store.peak > 2 {
		t.Errorf("%d at once", h.store.peak)
	}
}

// Those who cannot be reached fill their own hook's queue and no other's.
func TestCallsFillTheirOwnHook(t *testing.T) {
	h := open(t, 1)
	h.runner.SetLimits(1, 3)
	h.perform = func(ctx context.Context, _ *Job) error { <-ctx.Done(); return ctx.Err() }
	for range callsOfHook + 2 {
		h.start(call())
	}
	h.store.await("the calls", func() bool { return h.store.count(Running) == callsOfHook })
	if h.runner.Full("/hook") {
		t.Error("full too early")
	}
	h.start(call())
	if !h.runner.Full("/hook") || h.runner.Full("/other") {
		t.Error("a receiver that hangs closes the doors of others, or not its own")
	}
	for range 5 {
		h.runner.Enqueue(h.message("ops"))
	}
	if h.runner.Full("/other") {
		t.Error("full of messages")
	}
}
