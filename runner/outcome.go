package runner

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// conclude fills in how the attempt ended.
func (a *attempt) conclude(run *Run, state *os.ProcessState, startErr error) {
	now := time.Now()
	run.FinishedAt = &now
	if state != nil {
		if code := state.ExitCode(); code >= 0 {
			run.ExitCode = &code
		}
		run.Signal = signalName(state)
	}
	if a.concludeBy(a.settle(), run, startErr == nil) {
		return
	}
	run.State, run.Error = outcome(run, startErr)
	a.hits.explain(run)
	run.Error = a.mask().Text(run.Error)
	if run.State == Failed {
		a.again(run)
	}
}

// concludeBy fills in the end of an attempt that ended because of something else
// than itself, and tells whether it did.
func (a *attempt) concludeBy(c cause, run *Run, started bool) bool {
	switch c {
	case interrupted:
		interrupt(run, started)
	case timedOut:
		run.State = TimedOut
		run.Error = fmt.Sprintf("took longer than its timeout of %v", time.Duration(run.Command.Timeout))
		a.hits.explain(run)
		a.again(run)
	case limited:
		run.State, run.Error = Failed, a.limit
		a.again(run)
	case superseded:
		run.State, run.Error = Superseded, a.successor.String()
	case canceled:
		run.State, run.Error = Canceled, "canceled while it ran"
	default:
		return false
	}
	return true
}

func outcome(run *Run, startErr error) (State, string) {
	switch {
	case startErr != nil:
		return Failed, "cannot be started: " + startErr.Error()
	case run.Signal != "":
		return Failed, "ended by " + run.Signal
	case run.ExitCode != nil && *run.ExitCode == 0:
		return Succeeded, ""
	case run.ExitCode != nil:
		return Failed, fmt.Sprintf("exit code %d", *run.ExitCode)
	}
	return Failed, "ended in a way the system did not tell"
}

// interrupt says what becomes of a run that the server's end interrupted. Where
// nothing was started, nothing can happen twice.
func interrupt(run *Run, started bool) {
	run.Error = "interrupted: the server ended while it ran"
	if started && run.Command.OnInterrupt == rules.Fail {
		run.State = Failed
		return
	}
	run.State, run.FinishedAt = Queued, nil
}

// finish writes the end and the last of the output in one step.
func (a *attempt) finish(run *Run) bool {
	var last *Chunk
	if data := append(a.refused, a.output.take(true)...); len(data) > 0 {
		last = &Chunk{Run: run.ID, Attempt: run.Attempt, Seq: a.seq + 1, Data: data}
	}
	err := a.r.persist("the end", run.ID, func(ctx context.Context) error { return a.r.Store.Update(ctx, run, last) })
	if err != nil {
		a.r.Log.Error("the end of the run is not on disk; it counts as interrupted when the server starts again", "run", run.ID, "state", run.State, "error", err)
		return false
	}
	a.r.pass(run)
	a.log(run)
	return true
}

// decide fixes whether the run comes again. Who canceled it before that was told
// that it does not, even if it turns out that it would not have anyway.
func (a *attempt) decide(run *Run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.retries = run.State == Waiting
	if a.last {
		now := time.Now()
		run.State, run.Error, run.NotBefore = Canceled, "canceled while it ran", nil
		run.Failures = a.failures // this attempt was canceled, however it went
		run.FinishedAt = cmp.Or(run.FinishedAt, &now)
	}
}

func (a *attempt) log(run *Run) {
	level := slog.LevelInfo
	if run.State != Succeeded {
		level = slog.LevelWarn
	}
	attrs := []any{"run", run.ID, "hook", run.Hook, "rule", run.Rule, "state", run.State, "attempt", run.Attempt}
	if run.Action != rules.ActionRun {
		attrs = append(attrs, "action", run.Action)
	}
	if run.TellsOf != 0 {
		attrs = append(attrs, "tells_of", run.TellsOf)
	}
	if run.StartedAt != nil {
		attrs = append(attrs, "took", time.Since(*run.StartedAt).Round(time.Millisecond))
	}
	if run.Error != "" {
		attrs = append(attrs, "error", run.Error)
	}
	if run.NotBefore != nil {
		attrs = append(attrs, "again_at", run.NotBefore.UTC().Format(time.RFC3339))
	}
	a.r.Log.Log(context.Background(), level, "run ended", attrs...)
}
