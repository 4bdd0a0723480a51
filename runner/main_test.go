package runner

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(reaping{m}) }

// reaping are tests beside which orphans are collected, as the server does.
// Those that run in a process of their own see to that themselves.
type reaping struct{ *testing.M }

func (r reaping) Run() int {
	ctx, cancel := context.WithCancel(context.Background())
	var reaper sync.WaitGroup
	if os.Getenv(childVar) == "" {
		reaper.Go(func() { Reap(ctx, slog.Default()) })
	}
	code := r.M.Run()
	cancel()
	reaper.Wait()
	return code
}

const childVar = "RUNNER_TEST_CHILD"

// child is a command that executes only this test, in another process. before
// stands in front of its argv.
func child(t *testing.T, before ...string) *exec.Cmd {
	argv := append(before, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childVar+"="+t.Name())
	return cmd
}

func isChild(t *testing.T) bool { return os.Getenv(childVar) == t.Name() }

// elsewhere executes this test in another process, because it changes or
// measures the whole process. It tells whether we are in that process.
func elsewhere(t *testing.T, before ...string) bool {
	t.Helper()
	if isChild(t) {
		return true
	}
	if out, err := child(t, before...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}
