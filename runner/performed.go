package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// tooLate is how old a message may be: where a place cannot be reached for long,
// what waits for it has an end.
const tooLate = 24 * time.Hour

// callOut performs a run that is no process.
func (a *attempt) callOut(run *Run) error {
	if a.r.Performer == nil {
		return &PerformError{Err: errors.New("this server calls nobody"), Final: true}
	}
	if LaneOf(run.Action) == Tellings && time.Since(run.QueuedAt) > tooLate {
		return &PerformError{Err: fmt.Errorf("nobody could be told within %v, and it is no news any more", tooLate), Final: true}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(time.Duration(run.Command.Timeout), func() { a.end(timedOut) }).Stop()
	go a.cancelWhenAsked(ctx, cancel, time.Duration(run.Command.Grace))
	a.output.hide(a.mask())
	stored := a.storeOutput()
	defer stored()
	return a.r.Performer.Perform(ctx, &Job{
		Run:    run,
		Sender: a.r.sender(run.ID),
		Reveal: func(t rules.Text) (string, error) {
			s, err := a.reveal(t)
			a.output.hide(a.mask())
			return s, err
		},
		Body:   func(ctx context.Context) ([]byte, error) { return a.body(ctx, run) },
		Output: recorded{a.output},
	})
}

// cancelWhenAsked ends a call that is to end. When the server stops, one that is
// under way has its grace: mostly it is through in a moment, and otherwise would
// be made again.
func (a *attempt) cancelWhenAsked(ctx context.Context, cancel func(), grace time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-a.stop:
	}
	if a.endedBy() == interrupted {
		select {
		case <-ctx.Done():
		case <-time.After(grace):
		case <-a.r.killing.Done():
		}
	}
	cancel()
}

// recorded is the output of what is no process.
type recorded struct{ *recorder }

func (r recorded) Write(p []byte) (int, error) {
	r.write(Stdout, p, time.Now())
	return len(p), nil
}

var _ io.Writer = recorded{}

// concludeCall fills in how a call ended. One that was through when the server
// stopped, or somebody canceled it, has happened all the same.
func (a *attempt) concludeCall(run *Run, err error) {
	now := time.Now()
	run.FinishedAt = &now
	cause := a.settle()
	if err == nil {
		run.State, run.Error = Succeeded, ""
		return
	}
	if a.concludeBy(cause, run, true) {
		return
	}
	run.State, run.Error = Failed, a.mask().Text(err.Error())
	why, known := errors.AsType[*PerformError](err)
	switch {
	case !known:
		againAfter(run, false, nil)
	case why.After > 0 && !why.Final:
		againAfter(run, why.Deferred, &why.After)
	case !why.Final:
		againAfter(run, why.Deferred, nil)
	}
}
