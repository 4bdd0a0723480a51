package runner

import (
	"os"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	hungry  = `x=$(head -c 80000000 /dev/zero | tr '\0' x); echo full; sleep 1000`
	crowded = `for i in 1 2 3 4 5 6 7 8 9 10; do setsid sleep 1000 & done; echo full; wait`
)

var limitCases = []struct {
	name, script string
	limits       rules.Limits
	state        State
	want         string
}{
	{"memory", hungry, rules.Limits{Memory: 40 << 20, Processes: 100}, Failed, "used more memory than its limit of 40 MiB (limits.memory), and was ended"},
	{"memory of a child", `(trap "" TERM; ` + hungry + `) & wait`, rules.Limits{Memory: 40 << 20}, Failed, "used more memory than its limit of 40 MiB (limits.memory), and was ended"},
	{"processes", crowded, rules.Limits{Processes: 8}, Failed, "had more processes and threads than its limit of 8 (limits.processes), and was ended"},
	{"enough", `sleep 0.6 & sleep 0.6; wait`, rules.Limits{Memory: 1 << 30, CPU: 0.5, Processes: 100}, Succeeded, ""},
}

// Without controllers the processes are looked at, and a run that takes too much
// is ended, deaf or not, and says why.
func TestLimitsAreWatched(t *testing.T) {
	for _, c := range limitCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			meetsLimit(t, open(t, 1), c.script, c.limits, c.state, c.want)
		})
	}
}

// The same with groups that have no controllers, as this machine may give.
func TestLimitsAreWatchedInCgroups(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	h := openWithCgroups(t, 2)
	if h == nil {
		return
	}
	h.runner.Cgroups.controllers = nil
	for _, c := range limitCases {
		meetsLimit(t, h, c.script, c.limits, c.state, c.want)
	}
}

func meetsLimit(t *testing.T, h *house, script string, limits rules.Limits, state State, want string) {
	t.Helper()
	c := sh(script)
	c.Limits = limits
	takesUnder(t, 15*time.Second, func() {
		if run, text := h.run(c); run.State != state || run.Error != want {
			t.Errorf("%s %q (%q), want %s %q", run.State, run.Error, text, state, want)
		}
	})
}

// What processes share counts once.
func TestSharedMemoryCountsOnce(t *testing.T) {
	h := open(t, 1)
	id := h.start(sh(`x=$(head -c 40000000 /dev/zero | tr '\0' x); for i in 1 2 3 4 5; do (sleep 1000; echo "$x") & done; echo full; wait`))
	h.prints(id, "full")
	a := func() *attempt { h.runner.mu.Lock(); defer h.runner.mu.Unlock(); return h.runner.running[id] }()
	pids := tree(0, a.mark(), 0)
	var resident int64
	for _, pid := range pids {
		resident += readSizes(pid, "status")["VmRSS"] << 10
	}
	if got := proportional(pids); got <= 30<<20 || got > resident*2/3 {
		t.Errorf("%d bytes of %d processes, which are resident in %d", got, len(pids), resident)
	}
	if got := proportional([]int{os.Getpid()}); got < 1<<20 {
		t.Errorf("we ourselves take %d bytes", got)
	}
	h.stopNow()
}

// A run that met a limit is tried again like any that failed.
func TestRetryAfterALimit(t *testing.T) {
	h := open(t, 1)
	c := retrying(2, `test $HOOKTENDER_ATTEMPT = 2 || { `+crowded+`; }`)
	c.Limits.Processes = 8
	if run, _ := h.run(c); run.State != Succeeded || run.Attempt != 2 {
		t.Errorf("%s after %d attempts: %s", run.State, run.Attempt, run.Error)
	}
}
