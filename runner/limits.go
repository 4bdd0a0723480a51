package runner

import (
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// hits tells which limits an attempt has met.
type hits struct {
	memory    bool          // and was ended for it
	processes bool          // more were refused
	throttled time.Duration // how long it was held back
}

// lookAtUsage is how often the processes of an attempt are looked at whose
// limits the kernel does not watch.
const lookAtUsage = 250 * time.Millisecond

// watchLimits ends the attempt when it takes more than it may, where no control
// group sees to that. The returned function ends the watching.
func (a *attempt) watchLimits(p *process, l rules.Limits) (stop func()) {
	if p.group.bound("memory") {
		l.Memory = 0
	}
	if p.group.bound("pids") {
		l.Processes = 0
	}
	if l.Memory == 0 && l.Processes == 0 {
		return func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(lookAtUsage)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
			}
			if met := exceeded(l, p.usage(a.mark(), l)); met != "" {
				a.endAtLimit(met)
				return
			}
		}
	}()
	return func() { close(ended); <-done }
}

// usage is what the processes of an attempt take.
type usage struct {
	memory    int64 // bytes
	processes int   // with their threads
}

// exceeded says which limit was, "" if none.
func exceeded(l rules.Limits, u usage) string {
	switch {
	case l.Memory > 0 && u.memory > l.Memory:
		return tooMuchMemory(l)
	case l.Processes > 0 && u.processes > l.Processes:
		return fmt.Sprintf("had more processes and threads than its limit of %d (limits.processes), and was ended", l.Processes)
	}
	return ""
}

func tooMuchMemory(l rules.Limits) string {
	return fmt.Sprintf("used more memory than its limit of %s (limits.memory), and was ended", sizeText(l.Memory))
}

// endAtLimit ends the attempt because it has met a limit.
func (a *attempt) endAtLimit(met string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == none {
		a.limit = met
	}
	a.endLocked(limited)
}

// explainLimits adds to how a run ended what its limits have to do with it.
func (h hits) explain(run *Run) {
	l := run.Command.Limits
	switch {
	case h.memory && (run.State == Failed || run.State == Succeeded):
		run.State, run.Error = Failed, tooMuchMemory(l)
	case h.processes && (run.State == Failed || run.State == TimedOut):
		run.Error += fmt.Sprintf("; it was refused more than its %d processes and threads (limits.processes)", l.Processes)
	}
	if h.throttled > 0 && l.CPU > 0 && run.State == TimedOut {
		run.Error += fmt.Sprintf("; it was held back for %v of it (limits.cpu)", h.throttled.Round(time.Millisecond))
	}
}

// sizeText writes a size as people do: 512 MiB.
func sizeText(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
