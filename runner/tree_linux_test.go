package runner

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func init() {
	strays = func(dir string) (pids []int) {
		for _, p := range processes() {
			environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
			if bytes.Contains(environ, []byte(payloadVar+"="+dir+"/")) {
				pids = append(pids, p.pid)
			}
		}
		return pids
	}
}

// pidsIn reads the process ids that a script printed as "pid N" lines.
func pidsIn(t testing.TB, text string, n int) (pids []int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "pid "); ok {
			pid, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) != n {
		t.Fatalf("%d processes in %q, want %d", len(pids), text, n)
	}
	return pids
}

// allDead fails where a process is not dead. One that was just killed may take
// a moment.
func allDead(t testing.TB, pids []int) {
	t.Helper()
	deadline := time.Now().Add(time.Second)
	for _, pid := range pids {
		for !isZombie(pid) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if !isZombie(pid) {
			t.Errorf("process %d still runs", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Threat 24: what a script leaves behind cannot hold its end back, and dies.
func TestChildThatHoldsThePipeDiesWithItsScript(t *testing.T) {
	h := open(t, 4)
	for _, script := range []string{
		`sleep 1000 & echo pid $!`,
		`sh -c 'trap "" TERM; echo pid $$; while :; do sleep 0.1; done' & sleep 0.1; exit 0`,
		`sh -c 'echo pid $$; while :; do echo more; done' & sleep 0.1`,
		`sleep 1000 >/dev/null 2>&1 & echo pid $!`,
	} {
		takesUnder(t, 5*time.Second, func() {
			run, text := h.run(sh(script))
			if run.State != Succeeded {
				t.Errorf("%s: %s", script, run.Error)
			}
			allDead(t, pidsIn(t, text, 1))
		})
	}
}

// A daemon is part of the tree, and the end of a run is the end of its tree: with
// the look at our orphans that a server has, and without. Another run's daemon
// is that one's.
func TestDaemonDiesWithItsScript(t *testing.T) {
	scripts := []string{
		`setsid sh -c 'echo pid $$; exec sleep 1000' & sleep 0.2`,
		`setsid sh -c 'echo pid $$; exec sleep 1000 >/dev/null 2>&1' & sleep 0.2`,
		`(setsid sh -c 'echo pid $$; exec sleep 1000 >/dev/null 2>&1' &); sleep 0.2; exit 0`,
		`sh -c 'env -i setsid sh -c "echo pid \$\$; exec sleep 1000" & sleep 1000' >&1 2>/dev/null & sleep 0.2`,
	}
	check := func(t *testing.T) {
		h := open(t, 2)
		other := h.start(sh(`(setsid sh -c 'echo pid $$; exec sleep 1000' &); sleep 1000`))
		h.prints(other, "pid ")
		for _, script := range scripts {
			takesUnder(t, 5*time.Second, func() {
				run, text := h.run(sh(script))
				if run.State != Succeeded {
					t.Errorf("%s: %s %s", script, run.State, run.Error)
				}
				allDead(t, pidsIn(t, text, 1))
			})
		}
		text, _ := h.store.printed(other, 1, Stdout)
		if pid := pidsIn(t, text, 1)[0]; isZombie(pid) {
			t.Error("the daemon of a run that goes on is gone, too")
		}
	}
	t.Run("reaping", check)
	t.Run("alone", func(t *testing.T) {
		if elsewhere(t) {
			check(t)
		}
	})
}

// The cheap look finds what is left behind, and nothing where nothing is: not in
// leaders that run, not in the dead that nobody has collected yet.
func TestOrphansAreSeen(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	if !hasOrphans() {
		t.Error("it is sure without being told of orphans")
	}
	if err := adoptOrphans(); err != nil {
		t.Fatal(err)
	}
	h := open(t, 2)
	h.prints(h.start(sh("echo runs; sleep 1000")), "runs")
	if _, ok := ownChildren(); !ok {
		t.Fatal("this kernel does not list children (CONFIG_PROC_CHILDREN); each end of a run looks at all processes")
	}
	dead, _ := h.run(sh("(setsid true &)"))
	if hasOrphans() {
		t.Errorf("orphans of %d are seen where none are: %+v", dead.ID, children())
	}
	started := make(chan struct{})
	go func() {
		defer close(started)
		for range 200 {
			h.run(sh("exit"))
		}
	}()
	for starting := true; starting; {
		select {
		case <-started:
			starting = false
		default:
		}
		if hasOrphans() {
			t.Fatal("a script that is being started is seen as an orphan")
		}
	}
	lost := exec.Command("/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo pid $!")
	out, err := lost.Output()
	if err != nil {
		t.Fatal(err)
	}
	pid := pidsIn(t, string(out), 1)[0]
	if !hasOrphans() {
		t.Error("an orphan is not seen")
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

const (
	plainChild   = `sleep 1000 & echo pid $!; wait`
	deafChild    = `sh -c 'trap "" TERM; echo pid $$; while :; do sleep 0.1; done' & wait`
	setsidChild  = `setsid sh -c 'trap "" TERM; echo pid $$; while :; do sleep 0.1; done' & wait`
	doubleForked = `(setsid sh -c 'echo pid $$; exec sleep 1000' &); sleep 1000`
	noEnvChild   = `env -i setsid sh -c 'echo pid $$; exec sleep 1000' & sleep 1000`
	deafLeader   = `trap "" TERM; (setsid sh -c 'echo pid $$; exec sleep 1000' &); while :; do sleep 0.1; done`
)

func TestTheWholeTreeDiesAtTheTimeLimit(t *testing.T) {
	h := open(t, 8)
	for _, script := range []string{plainChild, deafChild, setsidChild, doubleForked, deafLeader} {
		c := sh(script)
		c.Timeout, c.Grace = rules.Duration(500*time.Millisecond), rules.Duration(300*time.Millisecond)
		takesUnder(t, 6*time.Second, func() {
			run, text := h.run(c)
			if run.State != TimedOut {
				t.Errorf("%s: %s %s", script, run.State, run.Error)
			}
			allDead(t, pidsIn(t, text, 1))
		})
	}
}

func TestTheWholeTreeDiesWhenCanceled(t *testing.T) {
	h := open(t, 8)
	for _, script := range []string{plainChild, deafChild, setsidChild, doubleForked, deafLeader} {
		c := sh(script)
		c.Grace = rules.Duration(200 * time.Millisecond)
		id := h.start(c)
		h.prints(id, "pid ")
		if err := h.runner.Cancel(t.Context(), id, nil); err != nil {
			t.Error(err)
		}
		h.ended(id)
		h.is(id, Canceled)
		text, _ := h.store.printed(id, 1, Stdout)
		allDead(t, pidsIn(t, text, 1))
	}
}

// A child without our variables is known by its parent as long as that lives.
func TestChildWithoutEnvironmentDiesWithALeaderThatIsKilled(t *testing.T) {
	h := open(t, 1)
	c := sh(`trap "" TERM; ` + noEnvChild)
	id := h.start(c)
	h.prints(id, "pid ")
	h.stopNow()
	h.is(id, Queued)
	text, _ := h.store.printed(id, 1, Stdout)
	allDead(t, pidsIn(t, text, 1))
}

func TestParseStatOfOddNames(t *testing.T) {
	const rest = " S 10 11 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
	for _, name := range []string{"sh", "a) b (c", ") S 1 2 3", "(", "", "a\nb", " "} {
		p, ok := parseStat("7 (" + name + ")" + rest)
		if !ok || p != (proc{pid: 7, ppid: 10, pgrp: 11, session: 12, state: 'S', started: "4242"}) {
			t.Errorf("%q: %+v %v", name, p, ok)
		}
	}
	for _, bad := range []string{"", "7", "7 (sh", "7 (sh) S 1 2 3", "x (sh)" + rest, ") 7"} {
		if p, ok := parseStat(bad); ok {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func TestOddlyNamedProcessIsSeen(t *testing.T) {
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(dir, "a) b (c")
	if err := os.Symlink(sleep, odd); err != nil {
		t.Fatal(err)
	}
	h := open(t, 1)
	id := h.start(sh(`'` + odd + `' 1000 & echo pid $!; wait`))
	h.prints(id, "pid ")
	text, _ := h.store.printed(id, 1, Stdout)
	child := pidsIn(t, text, 1)[0]
	found := false
	for _, p := range processes() {
		found = found || p.pid == child
	}
	if !found {
		t.Error("it is not listed")
	}
}

func TestIdentityOfAProcess(t *testing.T) {
	me := identify(os.Getpid())
	if stillRuns(me) != os.Getpid() {
		t.Errorf("%s is not found again", me)
	}
	parts := strings.Split(me, "/")
	for _, other := range []string{"", "x", "a/b/c", identify(1), "other/" + parts[1] + "/" + parts[2], parts[0] + "/" + parts[1] + "/1"} {
		if pid := stillRuns(other); pid != 0 {
			t.Errorf("%q is process %d", other, pid)
		}
	}
}

func TestShortRunsLeaveNothing(t *testing.T) {
	h := open(t, 4)
	h.run(sh("true")) // what is made once
	files := func() int { list, _ := os.ReadDir("/proc/self/fd"); return len(list) }
	before := files()
	var last int64
	for range 500 {
		last = h.start(sh("echo x; sleep 0 &"))
	}
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == int(last) })
	h.stop(context.Background())
	if after := files(); after > before {
		t.Errorf("%d open files, %d before", after, before)
	}
	noChildren(t)
	if len(known.set) > 0 {
		t.Errorf("known leaders are left: %v", known.set)
	}
	if len(h.runner.hub.topic) > 0 {
		t.Errorf("topics are left: %v", h.runner.hub.topic)
	}
}

// The mark in its environment makes a process an attempt's only if it is below
// us: what at(1) and its kind start has the environment of who asked for it.
func TestMarkElsewhere(t *testing.T) {
	const mark = payloadVar + "=/nowhere/1-1"
	cmd := exec.Command("sleep", "1000")
	cmd.Env = []string{mark}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for of, want := range map[int]bool{os.Getpid(): true, 0: true, cmd.Process.Pid: true, -1: false} {
		if got := slices.Contains(tree(0, mark, of), cmd.Process.Pid); got != want {
			t.Errorf("below %d: %v", of, got)
		}
	}
}
