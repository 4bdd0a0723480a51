package runner

import (
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// What a run says of the limits that its group has met.
func TestExplainLimits(t *testing.T) {
	limits := rules.Limits{Memory: 512 << 20, CPU: 0.5, Processes: 100}
	for _, c := range []struct {
		name      string
		state     State
		error     string
		hits      hits
		wantState State
		wantError string
	}{
		{"nothing", Failed, "exit code 1", hits{}, Failed, "exit code 1"},
		{"memory", Failed, "ended by SIGKILL", hits{memory: true}, Failed, "used more memory than its limit of 512 MiB (limits.memory), and was ended"},
		{"memory of what was left", Succeeded, "", hits{memory: true}, Failed, "used more memory than its limit of 512 MiB (limits.memory), and was ended"},
		{"processes", Failed, "exit code 2", hits{processes: true}, Failed, "exit code 2; it was refused more than its 100 processes and threads (limits.processes)"},
		{"processes, but it could do without", Succeeded, "", hits{processes: true}, Succeeded, ""},
		{"cpu", TimedOut, "took longer than its timeout of 1m0s", hits{throttled: 30 * time.Second}, TimedOut, "took longer than its timeout of 1m0s; it was held back for 30s of it (limits.cpu)"},
		{"cpu, but it was quick enough", Failed, "exit code 1", hits{throttled: 30 * time.Second}, Failed, "exit code 1"},
	} {
		run := &Run{State: c.state, Error: c.error, Command: &rules.Command{Limits: limits}}
		c.hits.explain(run)
		if run.State != c.wantState || run.Error != c.wantError {
			t.Errorf("%s: %s %q, want %s %q", c.name, run.State, run.Error, c.wantState, c.wantError)
		}
	}
}

func TestSizeText(t *testing.T) {
	for size, want := range map[int64]string{512 << 20: "512 MiB", 2 << 30: "2 GiB", 1536 << 20: "1536 MiB", 64000: "64000 bytes", 4096: "4 KiB", 1: "1 bytes"} {
		if got := sizeText(size); got != want {
			t.Errorf("%d: %s, want %s", size, got, want)
		}
	}
}
