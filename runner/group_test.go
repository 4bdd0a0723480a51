package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// inGroup puts a command into a group.
func inGroup(group string, limit int, c *rules.Command) *rules.Command {
	c.Concurrency = &rules.Concurrency{Group: group, Limit: limit, Busy: rules.Queue}
	return c
}

func (h *house) addTo(group string, limit int, script string) *Run {
	run := h.store.add(inGroup(group, limit, sh(script)))
	run.Group = group
	h.store.mu.Lock()
	h.store.runs[run.ID].Group = group
	h.store.mu.Unlock()
	return run
}

func TestAGroupRunsInOrderAndNoMoreAtOnceThanItMay(t *testing.T) {
	h := open(t, 10)
	log := t.TempDir() + "/log"
	var runs []*Run
	for i := range 20 {
		group := fmt.Sprint("g", i%2)
		script := fmt.Sprintf(`mkdir %[1]s.%[2]s || echo "two at once" >>%[1]s; echo "%[2]s $HOOKTENDER_RUN" >>%[1]s; rmdir %[1]s.%[2]s`, log, group)
		runs = append(runs, h.addTo(group, 1, script))
	}
	h.runner.Enqueue(runs...)
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == 20 })
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	order := map[string][]int64{}
	for line := range strings.Lines(string(data)) {
		var group string
		var id int64
		if n, _ := fmt.Sscan(line, &group, &id); n != 2 {
			t.Fatal(line)
		}
		order[group] = append(order[group], id)
	}
	for group, ids := range order {
		if !slices.IsSorted(ids) || len(ids) != 10 {
			t.Errorf("%s: %v", group, ids)
		}
	}
}

func TestNewerRunsTakeThePlacesOfOlderOnes(t *testing.T) {
	h, gate := open(t, 10), newGate(t)
	running := h.addTo("g", 1, gate.wait())
	queued := h.addTo("g", 1, "echo never")
	h.runner.Enqueue(running, queued)
	h.inState(running.ID, Running)

	newer := h.addTo("g", 1, "true")
	h.store.mu.Lock() // what the store does in the transaction that takes the new one
	h.store.runs[queued.ID].State = Superseded
	h.store.mu.Unlock()
	h.runner.Displace(Displaced{
		Waiting: []Succession{{queued.ID, newer.ID}},
		Running: []Succession{{running.ID, newer.ID}},
	})
	h.runner.Enqueue(newer)

	h.ended(newer.ID)
	if run := h.is(running.ID, Superseded); run.Error != fmt.Sprintf("run %d took its place", newer.ID) {
		t.Errorf("error %q", run.Error)
	}
	if run := h.is(queued.ID, Superseded); run.Attempt != 0 {
		t.Errorf("%+v", run)
	}
	h.is(newer.ID, Succeeded)
	gate.open(1)
}

// One that the store has given away before its turn was written down does not
// begin.
func TestASupersededRunDoesNotBegin(t *testing.T) {
	h := open(t, 0)
	run := h.addTo("g", 1, "echo never")
	h.runner.Enqueue(run)
	h.store.mu.Lock()
	h.store.runs[run.ID].State = Superseded
	h.store.mu.Unlock()
	h.runner.SetLimits(1, 10)
	after := h.addTo("g", 1, "true")
	h.runner.Enqueue(after)
	h.ended(after.ID)
	if got := h.is(run.ID, Superseded); got.Attempt != 0 {
		t.Errorf("%+v", got)
	}
	if strings.Contains(h.log.String(), "level=ERROR") {
		t.Error(h.log)
	}
}

func retrying(attempts int, script string) *rules.Command {
	c := sh(script)
	c.Retry = &rules.Retry{Attempts: attempts, Delay: rules.Duration(time.Millisecond), MaxDelay: rules.Duration(time.Millisecond), On: []string{"failure", "timeout"}}
	return c
}

func TestARunIsTriedAgainUntilItSucceeds(t *testing.T) {
	h := open(t, 1)
	run, out := h.run(retrying(5, `echo "attempt $HOOKTENDER_ATTEMPT"; [ $HOOKTENDER_ATTEMPT = 3 ]`))
	if run.State != Succeeded || run.Attempt != 3 || run.Failures != 2 || out != "attempt 3\n" || run.NotBefore != nil {
		t.Errorf("%+v, %q", run, out)
	}
}

func TestARunIsTriedAgainOnlySoOften(t *testing.T) {
	h := open(t, 1)
	run, _ := h.run(retrying(3, "exit 4"))
	if run.State != Failed || run.Attempt != 3 || run.Error != "exit code 4" || *run.ExitCode != 4 {
		t.Errorf("%+v", run)
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name, script string
		on           []string
		attempts     int
	}{
		{"another exit code", "exit 3", []string{"4"}, 1},
		{"this exit code", "exit 4", []string{"4"}, 2},
		{"a script that asks for it", "exit 75", []string{"4"}, 2},
		{"a signal is no exit code", "kill -9 $$", []string{"137"}, 1},
		{"a signal is a failure", "kill -9 $$", []string{"failure"}, 2},
		{"a timeout is no failure", "sleep 100", []string{"failure"}, 1},
		{"a timeout", "sleep 100", []string{"timeout"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, 1)
			cmd := retrying(2, c.script)
			cmd.Retry.On = c.on
			if strings.Contains(c.name, "timeout") {
				cmd.Timeout = rules.Duration(50 * time.Millisecond)
			}
			if run, _ := h.run(cmd); run.Attempt != c.attempts {
				t.Errorf("%d attempts, want %d: %+v", run.Attempt, c.attempts, run)
			}
		})
	}
}

// A script knows best when it makes sense to come again. Meanwhile its place is
// another's.
func TestAScriptAsksForADelay(t *testing.T) {
	h := open(t, 1)
	first := h.start(retrying(2, `echo 1h >"$HOOKTENDER_RETRY_AFTER"; exit 75`))
	h.inState(first, Waiting)
	second := h.start(sh("true"))
	h.ended(second)
	run := h.is(first, Waiting)
	if wait := time.Until(*run.NotBefore); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("waits %v", wait)
	}
	if err := h.runner.Cancel(t.Context(), first, nil); err != nil {
		t.Fatal(err)
	}
	if run := h.is(first, Canceled); run.NotBefore != nil {
		t.Errorf("%+v", run)
	}
}

func TestWaitingSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	h := openIn(t, dir, 1)
	id := h.start(retrying(2, `[ $HOOKTENDER_ATTEMPT = 2 ] || { echo 1s >"$HOOKTENDER_RETRY_AFTER"; exit 1; }`))
	h.inState(id, Waiting)
	h.stopNow()
	h.is(id, Waiting)

	again := openIn(t, dir, 1)
	again.store.runs = h.store.runs
	if err := again.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run := again.ended(id); run.State != Succeeded || run.Attempt != 2 {
		t.Errorf("%+v", run)
	}
}

func TestBackOff(t *testing.T) {
	r := &rules.Retry{Delay: rules.Duration(10 * time.Second), MaxDelay: rules.Duration(time.Minute)}
	for _, c := range []struct {
		failures int
		chance   float64
		want     time.Duration
	}{
		{1, 0.5, 10 * time.Second},
		{2, 0.5, 20 * time.Second},
		{3, 0.5, 40 * time.Second},
		{4, 0.5, time.Minute},
		{1000, 0.5, time.Minute},
		{1, 0, 8 * time.Second},
		{1, 1, 12 * time.Second},
	} {
		if got := backOff(r, c.failures, c.chance).Round(time.Millisecond); got != c.want {
			t.Errorf("after %d failures: %v, want %v", c.failures, got, c.want)
		}
	}
}

func TestFull(t *testing.T) {
	h := open(t, 0)
	h.runner.SetLimits(0, 2)
	h.start(sh("true"))
	if h.runner.Full("/hook") {
		t.Error("one of two")
	}
	h.start(sh("true"))
	if !h.runner.Full("/hook") {
		t.Error("two of two")
	}
}

// A cancel that comes when the script has ended, but its end is not on disk yet,
// keeps it from being tried again.
func TestCancelInTheLastMoment(t *testing.T) {
	h := open(t, 1)
	ending, goOn := make(chan struct{}), make(chan struct{})
	h.store.before = func(_ context.Context, op string, id int64) error {
		if op == "update" && h.store.get(id).State == Running {
			close(ending)
			<-goOn
		}
		return nil
	}
	id := h.start(retrying(5, "exit 1"))
	<-ending
	h.store.before = nil
	if err := h.runner.Cancel(t.Context(), id, nil); err != nil {
		t.Error(err)
	}
	close(goOn)
	if run := h.ended(id); run.State != Canceled || run.Attempt != 1 {
		t.Errorf("%+v", run)
	}
}

// A run that is canceled while it is ended for another reason does not come again.
func TestCancelWhileItIsEndedAnyway(t *testing.T) {
	for name, end := range map[string]func(*house, int64){
		"timed out":   func(h *house, id int64) { h.attempt(id).end(timedOut) },
		"interrupted": func(h *house, id int64) { h.attempt(id).end(interrupted) },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 1)
			gate := newGate(t)
			id := h.start(retrying(5, `trap "" TERM; echo begun; `+gate.wait()))
			h.prints(id, "begun")
			end(h, id)
			if err := h.runner.Cancel(t.Context(), id, nil); err != nil {
				t.Error(err)
			}
			gate.open(1)
			if run := h.ended(id); run.State != Canceled || run.Attempt != 1 {
				t.Errorf("%+v", run)
			}
		})
	}
}

// A cancel that is answered well is what happens, also where the script has just
// succeeded, or failed, and nobody knows yet.
func TestCancelBeforeTheOutcomeIsKnown(t *testing.T) {
	for _, script := range []string{"echo out; sleep 0.3", "echo out; sleep 0.3; exit 1"} {
		h := open(t, 1)
		noted, goOn := make(chan struct{}), make(chan struct{})
		h.store.before = func(_ context.Context, op string, _ int64) error {
			if op == "append" {
				close(noted)
				<-goOn
			}
			return nil
		}
		id := h.start(retrying(5, script))
		<-noted // until this write is through, the attempt does not conclude
		a := h.attempt(id)
		for settled := false; !settled; time.Sleep(time.Millisecond) {
			a.mu.Lock()
			settled = a.settled
			a.mu.Unlock()
		}
		err := h.runner.Cancel(t.Context(), id, nil)
		close(goOn)
		if run := h.ended(id); err != nil || run.State != Canceled || run.Failures != 0 {
			t.Errorf("%s: %v, %+v", script, err, run)
		}
	}
}

// And where it will not come again because it has succeeded, it is too late.
func TestCancelAfterTheOutcomeIsKnown(t *testing.T) {
	h := open(t, 1)
	ending, goOn := make(chan struct{}), make(chan struct{})
	h.store.before = func(_ context.Context, op string, id int64) error {
		if op == "update" && h.store.get(id).State == Running {
			close(ending)
			<-goOn
		}
		return nil
	}
	id := h.start(retrying(5, "true"))
	<-ending
	err := h.runner.Cancel(t.Context(), id, nil)
	close(goOn)
	if run := h.ended(id); !errors.Is(err, ErrNotActive) || run.State != Succeeded {
		t.Errorf("%v, %+v", err, run)
	}
}

// A run that waits to be tried again when the server dies, and was canceled
// before that could be written down, is not tried again.
func TestCancelThatTheServerDidNotOutlive(t *testing.T) {
	h := open(t, 1)
	run := h.store.add(retrying(5, "true"))
	now := time.Now()
	h.store.runs[run.ID].State, h.store.runs[run.ID].NotBefore, h.store.runs[run.ID].Attempt = Waiting, &now, 1
	h.store.runs[run.ID].Canceling = true
	if err := h.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run := h.ended(run.ID); run.State != Canceled || run.Attempt != 1 || run.NotBefore != nil {
		t.Errorf("%+v", run)
	}
}

// What a script leaves in the place of the retry file must not hang the attempt.
func TestRetryFileThatIsNone(t *testing.T) {
	for name, script := range map[string]string{
		"a pipe":     `mkfifo "$HOOKTENDER_RETRY_AFTER"`,
		"a link":     `ln -s /dev/zero "$HOOKTENDER_RETRY_AFTER"`,
		"a folder":   `mkdir "$HOOKTENDER_RETRY_AFTER"; rmdir "$HOOKTENDER_RETRY_AFTER"`,
		"a flood":    `head -c 10000000 /dev/zero >"$HOOKTENDER_RETRY_AFTER"`,
		"a secret":   `echo s3cr3t >"$HOOKTENDER_RETRY_AFTER"`,
		"a long one": `echo 1s >"$HOOKTENDER_RETRY_AFTER"; echo 99999999999999999999 >>"$HOOKTENDER_RETRY_AFTER"`,
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, 1)
			if run, _ := h.run(retrying(2, script+"; exit 1")); run.State != Failed || run.Attempt != 2 {
				t.Errorf("%+v", run)
			}
			if strings.Contains(h.log.String(), "s3cr3t") {
				t.Error(h.log)
			}
		})
	}
}

// A line's limit is that of its newest run, whoever comes again.
func TestAnOlderRunDoesNotBringItsLimitBack(t *testing.T) {
	var q queue
	q.push(Place{ID: 5, Group: "g", Limit: 1}, nil)
	q.push(Place{ID: 1, Group: "g", Limit: 5}, nil)
	q.push(Place{ID: 9, Hook: "g"}, nil)
	q.push(Place{ID: 10, Group: "hook g", Limit: 1}, nil)
	popped := 0
	for {
		if _, _, _, ok := q.pop(Processes); !ok {
			break
		}
		popped++
	}
	if popped != 3 || len(q.lines) != 3 {
		t.Errorf("%d run at once, in %d lines", popped, len(q.lines))
	}
}
