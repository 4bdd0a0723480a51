package server

import (
	"context"
	"net/http"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// endedReply is what a sender is told that waited for its runs.
type endedReply struct {
	reply
	Runs []endedRun `json:"runs"` // in place of the reply's
}

type endedRun struct {
	replyRun
	State    runner.State `json:"state"`
	ExitCode *int         `json:"exit_code"` // null if a signal ended it, or nothing was started
}

// wait answers when all runs have ended: with their output or how they ended.
// When that takes too long, or the server stops, the sender learns that its event
// is accepted.
func (a *respondent) wait() {
	runs := a.ends()
	if runs == nil {
		answer(a.w, http.StatusAccepted, a.accepted)
		return
	}
	status := a.how.OnSuccess
	for _, run := range runs {
		if run.State != runner.Succeeded {
			status = a.how.OnFailure
		}
	}
	a.w.Header().Set(stateHeader, each(runs, func(run *runner.Run) string { return string(run.State) }))
	if a.how.Output {
		a.outputs(status, runs)
		return
	}
	told := endedReply{reply: a.accepted, Runs: make([]endedRun, len(runs))}
	for i, run := range runs {
		told.Runs[i] = endedRun{a.accepted.Runs[i], run.State, run.ExitCode}
	}
	answer(a.w, status, told)
}

// ends waits for the ends of all runs. It returns nil if not all have ended in
// time.
func (a *respondent) ends() []*runner.Run {
	ctx, cancel := context.WithTimeout(a.r.Context(), time.Duration(a.how.Wait))
	defer cancel()
	ended := make([]*runner.Run, len(a.accepted.Runs))
	for i, accepted := range a.accepted.Runs {
		run, err := watch(ctx, a.in.store, a.in.queue, accepted.ID, a.in.stopping.Done(), func(*runner.Run) error { return nil })
		if err != nil {
			a.unread(ctx, accepted.ID, err)
			return nil
		}
		if !run.State.Ended() {
			return nil
		}
		ended[i] = run
	}
	return ended
}

// outputs sends what the runs printed, byte for byte, one after the other. Half
// of it must not look like all of it, so an answer that cannot be completed is
// cut off.
func (a *respondent) outputs(status int, runs []*runner.Run) {
	a.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	a.w.Header().Set("X-Content-Type-Options", "nosniff")
	a.w.WriteHeader(status)
	for _, run := range runs {
		reader := newOutputReader(a.in.store, run.ID, func(_ int, s runner.Segment) error {
			_, err := a.w.Write(plainText(s))
			return err
		})
		if err := reader.upTo(a.r.Context(), run); err != nil {
			a.unread(a.r.Context(), run.ID, err)
			panic(http.ErrAbortHandler)
		}
	}
}
