package runner

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// breaks makes the operations fail until the returned function is called.
func (h *house) breaks(operations ...string) (repair func()) {
	var works atomic.Bool
	h.store.before = func(_ context.Context, op string, _ int64) error {
		for _, o := range operations {
			if o == op && !works.Load() {
				return errDisk
			}
		}
		return nil
	}
	return func() { works.Store(true) }
}

func TestScriptIsNotHeldUpByADiskThatFails(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	repair := h.breaks("append")
	c := sh(`seq 1 300000; echo through >'` + gate.Name() + `'`)
	c.OutputLimit = 512 << 10
	id := h.start(c)
	line := make([]byte, 100)
	if n, err := gate.Read(line); err != nil || string(line[:n]) != "through\n" {
		t.Fatal(string(line[:n]), err)
	}
	h.is(id, Running)
	a := h.attempt(id)
	a.output.mu.Lock()
	if held := a.output.pending + a.output.inTail; int64(held) > c.OutputLimit {
		t.Errorf("%d bytes are held", held)
	}
	a.output.mu.Unlock()
	repair()
	h.ended(id)
	h.is(id, Succeeded)
	text, omitted := h.store.printed(id, 1, Stdout)
	checkKept(t, text, omitted, numbers(300000))
}

func numbers(n int) string {
	var b []byte
	for i := range n {
		b = append(appendInt(b, i+1), '\n')
	}
	return string(b)
}

// checkKept holds that the text is the beginning and the end of full.
func checkKept(t *testing.T, text string, omitted int64, full string) {
	t.Helper()
	if int64(len(text))+omitted != int64(len(full)) {
		t.Fatalf("%d kept and %d left out, of %d", len(text), omitted, len(full))
	}
	for head := range len(text) + 1 {
		if head == len(text) || text[head] != full[head] {
			if !strings.HasSuffix(full, text[head:]) {
				t.Errorf("after %d bytes comes neither the next nor the end", head)
			}
			return
		}
	}
}

func TestBeginningAndEndAreRetried(t *testing.T) {
	for _, operation := range []string{"update", "body", "append"} {
		h := open(t, 1)
		var failures atomic.Int32
		h.store.before = func(_ context.Context, op string, _ int64) error {
			if op == operation && failures.Add(1)%3 != 0 {
				return errDisk
			}
			return nil
		}
		run, text := h.run(sh("echo hello; sleep 0.2; echo again"))
		if run.State != Succeeded || text != "hello\nagain\n" || run.Attempt != 1 {
			t.Errorf("%s: %+v %q", operation, run, text)
		}
	}
}

func TestStopGivesUpOnADiskThatNeverWorksAgain(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"update", "append", "run"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			h := open(t, 1)
			id := h.store.add(sh("echo hello; exec sleep 1000")).ID
			reached := make(chan struct{}, 1000)
			h.store.before = func(_ context.Context, op string, _ int64) error {
				if op == operation {
					reached <- struct{}{}
					return errDisk
				}
				return nil
			}
			if err := h.runner.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-reached
			takesUnder(t, 3*giveUp, func() { h.stop(context.Background()) })
			run := h.is(id, Queued)
			if operation == "append" {
				// The piece that was refused comes with the end.
				if text, _ := h.store.printed(id, 1, Stdout); text != "hello\n" || run.Attempt != 1 {
					t.Errorf("%q of %+v", text, run)
				}
			}
			if strings.Contains(h.log.String(), "run ended") && operation != "append" {
				t.Errorf("reported as done:\n%s", h.log)
			}
		})
	}
}

func TestStopDoesNotWaitForADiskThatHangs(t *testing.T) {
	t.Parallel()
	h := open(t, 1)
	id := h.store.add(sh("true")).ID
	reached := make(chan struct{}, 10)
	h.store.before = func(ctx context.Context, op string, _ int64) error {
		if op != "update" {
			return nil
		}
		reached <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	h.runner.Enqueue(h.store.get(id))
	<-reached
	h.stop(context.Background())
	h.is(id, Queued)
}

func TestPersistBacksOffAndGivesUpOnlyWhenStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var tries []time.Duration
		try := func(context.Context) error {
			tries = append(tries, time.Since(begun))
			return errDisk
		}
		time.AfterFunc(time.Hour, func() { r.Stop(context.Background()) })
		if err := r.persist("this", 7, try); !errors.Is(err, errDisk) || !strings.HasPrefix(err.Error(), "this of run 7: ") {
			t.Error(err)
		}
		if took := time.Since(begun); took < time.Hour+giveUp || took > time.Hour+giveUp+lastRetry {
			t.Errorf("gave up after %v", took)
		}
		if tries[1] != firstRetry || tries[2] != 3*firstRetry || len(tries) < 1800 || len(tries) > 1830 {
			t.Errorf("%d tries: %v", len(tries), tries[:10])
		}
		// Once it stops, each write has its own time.
		begun, tries = time.Now(), nil
		_ = r.persist("that", 7, try)
		if took := time.Since(begun); took < giveUp || len(tries) < 4 {
			t.Errorf("gave up after %v and %d tries", took, len(tries))
		}
		time.Sleep(giveUp)
	})
}
