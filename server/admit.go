package server

import (
	"context"
	"log/slog"
	"slices"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A refusedError says that a genuine event could not be taken, and that its
// sender may come again.
type refusedError struct{ msg string }

func (e *refusedError) Error() string { return "the event was refused: " + e.msg }

// admit decides what a genuine event means, and returns when everything that
// follows from it is on disk. cause is asked for the run whose script sent it; by
// says who did so by hand, nil for nobody. The error is a *refusedError, or why the
// body cannot be read.
func (in *Intake) admit(hook *rules.Hook, req *rules.Request, d *rules.Delivery, cause func() int64, by *runner.AuditEntry) (reply, error) {
	decisions, actions, err := in.parsing.evaluate(hook, req)
	if err != nil {
		return reply{}, err
	}
	d.Decisions, d.Definition = decisions, hook.Definition()
	d.DedupeKey, d.DedupeWithin = req.Dedupe.Key, req.Dedupe.Within
	d.Verdict, d.Reason = rules.VerdictOf(decisions)
	if len(actions) == 0 {
		if !d.Routine {
			in.store.Record(d)
		}
		if d.Verdict == rules.Errored {
			in.warn("a rule could not be decided, and none fired", "delivery", d.ID, "hook", d.Hook, "event", cut(d.Event), "reason", cut(d.Reason))
		}
		return reply{Delivery: d.ID, Verdict: d.Verdict, Runs: []replyRun{}}, nil
	}
	if in.queue.Full(hook.Path) {
		in.warn("event refused, because the queue is full", "hook", d.Hook, "event", cut(d.Event), "setting", "server.max_queued")
		return reply{}, &refusedError{"the queue is full"}
	}
	if err := req.Dedupe.Err; err != nil {
		d.Reason = "taken for new, whether it is or not: dedupe: by: " + err.Error()
		in.warn("an event is taken for new, because what it is known by cannot be told", "hook", d.Hook, "event", cut(d.Event), "reason", cut(d.Reason))
	}
	runs := newRuns(d, actions)
	in.guard(runs, cause())
	runs[0].By = by
	defer in.queue.Reserve(runs)()
	// A sender that hangs up does not take back what it sent.
	displaced, err := in.store.Accept(context.Background(), d, runs)
	if err != nil {
		in.tell(slog.LevelError, "event refused, because it cannot be stored", "hook", d.Hook, "event", cut(d.Event), "error", err)
		return reply{}, &refusedError{"cannot be stored now"}
	}
	if d.Verdict == rules.Duplicate {
		return in.again(hook, d), nil
	}
	runs = slices.DeleteFunc(runs, func(r *runner.Run) bool { return r.ID == 0 }) // throttled
	in.queue.Displace(displaced)
	// In one step, or a run that is over in a moment is told to have ended first.
	in.queue.Enqueue(append(unended(runs), toldOf(runs)...)...)
	if len(runs) > 0 {
		in.log.Info("event accepted", "delivery", d.ID, "hook", d.Hook, "event", d.Event, "runs", len(runs))
		in.tellHeld(runs)
		in.tellUndecided(d)
	}
	told := reply{Delivery: d.ID, Verdict: d.Verdict, Runs: replyRuns(runs)}
	for i, run := range runs {
		if run.State == runner.Running {
			told.Runs[i].State = "" // that it begins at once is no news
		}
	}
	return told, nil
}

// tellUndecided says which rules could not be decided of an event that was accepted
// because of others.
func (in *Intake) tellUndecided(d *rules.Delivery) {
	for _, decision := range d.Decisions {
		if decision.Error != "" {
			in.warn("a rule could not be decided, while others fired", "delivery", d.ID, "hook", d.Hook, "rule", decision.Rule, "error", cut(decision.Error))
		}
	}
}

// newRuns makes a run of each action.
func newRuns(d *rules.Delivery, actions []rules.Action) []*runner.Run {
	runs := make([]*runner.Run, len(actions))
	for i, a := range actions {
		runs[i] = newRun(d, a.Rule, a.Command)
		runs[i].QueuedAt, runs[i].Body = d.ReceivedAt, d.Body
	}
	return runs
}

func newRun(d *rules.Delivery, rule string, c *rules.Command) *runner.Run {
	run := &runner.Run{
		Delivery: d.ID, Hook: d.Hook, Rule: rule, Action: c.Action(), State: runner.Queued, Event: d.Event, Command: c,
	}
	if c.Concurrency != nil {
		run.Group = c.Concurrency.Group
	}
	if c.Approve {
		run.State, run.Hold = runner.Waiting, runner.HoldApproval
	}
	return run
}

func unended(runs []*runner.Run) []*runner.Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r *runner.Run) bool { return r.State.Ended() })
}

// toldOf are the runs that tell of runs as they were accepted: that they wait for
// a person, or are skipped.
func toldOf(runs []*runner.Run) (told []*runner.Run) {
	for _, r := range runs {
		told = append(told, r.Told...)
	}
	return told
}
