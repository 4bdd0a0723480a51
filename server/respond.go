package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// maxWaiting bounds how many senders are told more than that their event is
// accepted. The ones beyond are told just that.
const maxWaiting = 100

// Headers, or in a stream the trailer, of an answer that waits for runs. Where
// there are several runs, each is a list with commas in the same order.
const (
	deliveryHeader = "Hooktender-Delivery"
	stateHeader    = "Hooktender-State"

	// RunHeader names in a request the run whose script sends it.
	RunHeader = runner.RunHeader
)

// A respondent answers one sender whose event is on disk and whose runs are in
// the queue. Whatever becomes of it, the runs go on, unless the hook wants them
// to end with a sender that leaves.
type respondent struct {
	in  *Intake
	how rules.Respond
	w   *pacedWriter
	r   *http.Request

	accepted reply
}

// tells says of a run that it tells people something, for which no sender waits.
func (r replyRun) tells() bool {
	return r.Action == rules.ActionNotify || r.Action == rules.ActionStatus
}

// respond answers as the hook says.
func (in *Intake) respond(w http.ResponseWriter, r *http.Request, how rules.Respond, accepted reply) {
	if how.AtOnce() {
		answer(w, http.StatusAccepted, accepted)
		return
	}
	accepted.Runs = slices.DeleteFunc(slices.Clone(accepted.Runs), replyRun.tells)
	if len(accepted.Runs) == 0 {
		answer(w, http.StatusAccepted, accepted)
		return
	}
	if !in.enter() {
		in.warn("too many senders wait for their runs; this one is told at once that its event is accepted", "delivery", accepted.Delivery)
		answer(w, http.StatusAccepted, accepted)
		return
	}
	defer in.leave()
	a := &respondent{in: in, how: how, w: newPacedWriter(w, r), r: r, accepted: accepted}
	a.w.Header().Set(deliveryHeader, strconv.FormatInt(accepted.Delivery, 10))
	a.w.Header().Set(RunHeader, each(accepted.Runs, func(run replyRun) string { return strconv.FormatInt(run.ID, 10) }))
	var err error
	if how.Stream {
		err = a.stream()
	} else {
		a.wait()
	}
	if a.left(err) && how.CancelOnDisconnect {
		a.cancelRuns()
	}
}

func (in *Intake) enter() bool {
	select {
	case in.waiting <- struct{}{}:
		return true
	default:
		return false
	}
}

func (in *Intake) leave() { <-in.waiting }

// left tells whether the sender has hung up. One that is too slow to be waited
// for has not, and neither has one that the door cuts off when the server ends.
func (a *respondent) left(err error) bool {
	stopped := a.in.stopping.Err() != nil
	return a.r.Context().Err() != nil && !stopped && !errors.Is(err, os.ErrDeadlineExceeded)
}

func (a *respondent) cancelRuns() {
	for _, run := range a.accepted.Runs {
		err := a.in.queue.Cancel(context.WithoutCancel(a.r.Context()), run.ID, nil)
		switch {
		case err == nil:
			a.in.log.Info("the run is canceled, because its sender has left", "delivery", a.accepted.Delivery, "run", run.ID, "rule", run.Rule)
		case !errors.Is(err, runner.ErrNotActive):
			a.in.log.Error("a sender has left, and its run cannot be canceled", "run", run.ID, "error", err)
		}
	}
}

// unread notes that what the sender is to be told cannot be read, unless ctx has
// ended and nobody is to be told any more.
func (a *respondent) unread(ctx context.Context, run int64, err error) {
	if ctx.Err() == nil {
		a.in.log.Error("a sender cannot be told how its run goes", "delivery", a.accepted.Delivery, "run", run, "error", err)
	}
}

// each joins what f says of each element.
func each[T any](list []T, f func(T) string) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = f(v)
	}
	return strings.Join(texts, ", ")
}
