package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
	"github.com/hooktender/hooktender/store"
)

// A slowStore is on a disk that takes its time for each write.
type slowStore struct {
	*store.Store
	delay time.Duration
}

func (s slowStore) Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	time.Sleep(s.delay)
	return s.Store.Accept(ctx, d, runs)
}

func (s slowStore) Update(ctx context.Context, run *runner.Run, output *runner.Chunk) error {
	time.Sleep(s.delay)
	return s.Store.Update(ctx, run, output)
}

func (s slowStore) Take(ctx context.Context, run *runner.Run) error {
	time.Sleep(s.delay)
	return s.Store.Take(ctx, run)
}

func (s slowStore) AppendOutput(ctx context.Context, output *runner.Chunk) error {
	time.Sleep(s.delay)
	return s.Store.AppendOutput(ctx, output)
}

// startOn starts a runner on a store, with what it finds there.
func startOn(t *testing.T, st runner.Store, config *rules.Config, dir string) *runner.Runner {
	t.Helper()
	run, err := runner.New(runner.Config{
		Store: st, Dir: dir, MaxRunning: 4, MaxQueued: 1000, Secret: config.Set.Secret,
		Mask: func() *runner.Mask { return nil }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	return run
}

// TestSlowDisk: where each write takes a second, events are answered, and those of
// a group run in their order; the server can be ended in the middle, and loses
// nothing.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	config, _, err := loadConfig(writeConfig(t, fmt.Sprintf(`
hooks:
  /group:
    verify: &verify {bearer: %q}
    rules:
      - {name: group, run: echo "$HOOKTENDER_RUN" >>"$LOG", env: &env {LOG: %q}, concurrency: {group: one}}
  /free:
    verify: *verify
    rules:
      - {name: free, run: echo "free $HOOKTENDER_RUN" >>"$LOG"; echo output, env: *env}
`, testSecret, log)))
	if err != nil {
		t.Fatal(err)
	}
	st := openStore(t, filepath.Join(dir, "state"))
	defer st.Close()
	slow := slowStore{st, time.Second}
	run := startOn(t, slow, config, filepath.Join(dir, "payloads"))
	intake := server.NewIntake(slow, run, slog.New(slog.DiscardHandler))
	intake.Use(config)
	door := httptest.NewServer(intake)
	defer door.Close()

	var accepted []int64
	var mu sync.Mutex
	post := func(hook string) {
		a, err := bearer(t).with(`{}`).post(t.Context(), door.URL+hook)
		if err != nil || len(a.Runs) != 1 {
			t.Errorf("%s: answered %d, %v", hook, a.status, err)
			return
		}
		mu.Lock()
		accepted = append(accepted, a.Runs[0].ID)
		mu.Unlock()
	}
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() { post("/free") })
	}
	senders.Go(func() {
		for range 3 {
			post("/group")
		}
	})
	senders.Wait()
	intake.Stop()
	run.Stop(t.Context()) // in the middle of it
	left, err := st.Unfinished(t.Context(), runner.Queued)
	if err != nil || len(left) == 0 {
		t.Errorf("%d runs are left, %v: nothing was interrupted", len(left), err)
	}
	if running, err := st.Unfinished(t.Context(), runner.Running); err != nil || len(running) > 0 {
		t.Errorf("%d runs are running, %v", len(running), err)
	}

	run = startOn(t, slowStore{st, 0}, config, filepath.Join(dir, "payloads"))
	defer run.Stop(t.Context())
	for _, id := range accepted {
		for changed := run.Changed(id); ; changed = run.Changed(id) {
			r, err := st.Run(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if r.State.Ended() {
				if r.State != runner.Succeeded {
					t.Errorf("run %d is %s: %s", id, r.State, r.Error)
				}
				break
			}
			select {
			case <-changed:
			case <-time.After(patience):
				t.Fatalf("run %d does not end", id)
			}
		}
	}
	checkSlowLog(t, log, accepted)
}

// checkSlowLog sees that all have run, and those of the group in their order.
func checkSlowLog(t *testing.T, log string, accepted []int64) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	ran, last := map[int64]bool{}, int64(0)
	for line := range strings.Lines(string(data)) {
		var id int64
		text, free := strings.CutPrefix(line, "free ")
		if _, err := fmt.Sscan(text, &id); err != nil {
			t.Fatal(line, err)
		}
		if !free && id < last {
			t.Errorf("run %d ran after %d", id, last)
		}
		if ran[id] = true; !free {
			last = id
		}
	}
	for _, id := range accepted {
		if !ran[id] {
			t.Errorf("run %d was accepted and never ran", id)
		}
	}
}
