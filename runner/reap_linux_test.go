package runner

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Threat 30.
func TestReapLeavesNoZombies(t *testing.T) {
	if elsewhere(t) {
		reapDaemons(t)
	}
}

func TestReapAsProcessOne(t *testing.T) {
	unshare := []string{"unshare", "-Urpf", "--mount-proc"}
	if !isChild(t) && exec.Command(unshare[0], append(unshare[1:], "true")...).Run() != nil {
		t.Skip("this machine gives us no process id namespace")
	}
	if elsewhere(t, unshare...) {
		if os.Getpid() != 1 {
			t.Fatalf("we are process %d", os.Getpid())
		}
		reapDaemons(t)
		_, text := open(t, 1).run(sh(`(setsid sh -c 'echo pid $$; exec sleep 1000 >/dev/null 2>&1' &); sleep 0.1`))
		allDead(t, pidsIn(t, text, 1))
	}
}

// reapDaemons runs scripts that leave short-lived daemons behind.
func reapDaemons(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var reaping sync.WaitGroup
	reaping.Go(func() { Reap(ctx, slog.Default()) })
	h := open(t, 4)
	for range 20 {
		h.start(sh(`(setsid sh -c "sleep 0.05; exit 3" &) ; (setsid sleep 0.01 &) ; echo x`))
	}
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == 20 })
	noChildren(t)
	cancel()
	reaping.Wait()
}

// A program that takes for ever to start, as on a network drive that is gone, holds up
// no other run. Here somebody has a lease on it, which the system waits for.
func TestStartThatHangsHoldsUpNoOther(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	var reaping sync.WaitGroup
	reaping.Go(func() { Reap(ctx, slog.Default()) })
	h, path := open(t, 2), filepath.Join(t.TempDir(), "program")
	h.run(sh("true")) // whose end has the reaper look
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	hangs := h.start(list(path))
	for h.inState(hangs, Running); len(children()) == 0; {
		time.Sleep(time.Millisecond)
	}
	takesUnder(t, 15*time.Second, func() { // the system gives a lease 45
		for range 3 {
			h.run(sh("(setsid true &)"))
		}
	})
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		t.Fatal(err)
	}
	h.ended(hangs)
	noChildren(t)
	cancel()
	reaping.Wait()
}

// noChildren waits until the reaper has collected all of our children.
func noChildren(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for n := 1; n > 0; time.Sleep(20 * time.Millisecond) {
		if n = len(children()); n > 0 && time.Now().After(deadline) {
			t.Fatalf("children are left: %+v", children())
		}
	}
}

func children() (list []proc) {
	for _, p := range processes() {
		if p.ppid == os.Getpid() {
			list = append(list, p)
		}
	}
	return list
}

// A reaper that never rests must not take the end of a script from its run.
func TestReaperStealsNoExitStatus(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	if err := adoptOrphans(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reaping sync.WaitGroup
	reaping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				reapOrphans()
			}
		}
	})
	h := open(t, 8)
	const n = 400
	for i := range n {
		h.start(sh(fmt.Sprintf(`(setsid true &); exit %d`, i%100)))
	}
	h.store.await("the end of all", func() bool { return h.store.count(Queued)+h.store.count(Running) == 0 })
	close(done)
	reaping.Wait()
	for i := range n {
		if run := h.store.get(int64(i + 1)); run.ExitCode == nil || *run.ExitCode != i%100 {
			t.Errorf("run %d: %s %s", run.ID, run.State, run.Error)
		}
	}
}
