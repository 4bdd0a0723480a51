package runner

import (
	"cmp"
	"slices"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A Streak is how many runs of a kind in a row did not succeed, up to now. The
// zero value: the last one has.
type Streak struct {
	Failures int
	Since    time.Time // when the first of them ended
}

// Kind tells runs apart whose success makes good the failure of another: those of
// a rule, and within it of a key.
func (r *Run) Kind() (hook, rule, action, key string) {
	c := r.Command
	switch {
	case c.Throttle != nil && c.Throttle.Key != "":
		key = c.Throttle.Key
	case c.Debounce != nil && c.Debounce.Key != "":
		key = c.Debounce.Key
	default:
		key = r.Group
	}
	return r.Hook, r.Rule, cmp.Or(r.Action, c.Action()), key
}

// Tidings makes the runs that tell people, and the place of its commit, that this
// run has come to its state. They are not stored yet, and have no ids. streak
// counts the run itself if it failed, and is what it ended if it succeeded.
func (r *Run) Tidings(streak Streak, now time.Time) []*Run {
	if r.Command == nil || len(r.Command.Tell) == 0 {
		return nil
	}
	var list []*Run
	reached := r.reached(streak)
	for _, n := range r.Command.Tell {
		var c *rules.Command
		if n.Status != nil {
			c = r.status(*n.Status)
		} else if i := slices.IndexFunc(reached, func(m rules.Moment) bool { return slices.Contains(n.On, m) }); i >= 0 {
			c = rules.NotifyCommand(&rules.Notification{To: n.To, Moment: reached[i], Message: n.Message, Address: n.Address, Commit: n.Commit, Of: r.outcome(streak), Error: n.Error})
		}
		if c == nil {
			continue
		}
		told := &Run{
			Delivery: r.Delivery, Hook: r.Hook, Rule: r.Rule, Action: c.Action(), State: Queued, QueuedAt: now, Event: r.Event,
			Group: c.Concurrency.Group, TellsOf: r.ID, Command: c,
		}
		if r.State == Waiting && r.NotBefore != nil {
			// The next event of the burst may take its place: nobody is asked before
			// it is over.
			told.State, told.NotBefore = Waiting, r.NotBefore
		}
		list = append(list, told)
	}
	return list
}

// reached are the moments that a state is, the most telling first.
func (r *Run) reached(streak Streak) []rules.Moment {
	switch {
	case r.State == Running && r.Attempt == 1:
		return []rules.Moment{rules.OnStart}
	case r.State == Succeeded && streak.Failures > 0:
		return []rules.Moment{rules.OnRecovery, rules.OnSuccess}
	case r.State == Succeeded:
		return []rules.Moment{rules.OnSuccess}
	case r.State == Failed:
		return []rules.Moment{rules.OnFailure}
	case r.State == TimedOut:
		return []rules.Moment{rules.OnTimeout, rules.OnFailure}
	case r.State == Skipped:
		return []rules.Moment{rules.OnSkipped}
	case r.State == Waiting && r.Hold == HoldLoop: // whoever asks for failures wants to know of this one
		return []rules.Moment{rules.OnApproval, rules.OnFailure}
	case r.State == Waiting && r.Hold != "":
		return []rules.Moment{rules.OnApproval}
	}
	return nil
}

// status is what is said of the commit: that the run has begun and, so that it
// does not stay so, how it ended; nil for anything else. One that cannot be set
// fails once, at the beginning.
func (r *Run) status(s rules.CommitStatus) *rules.Command {
	switch {
	case r.State == Running && r.Attempt == 1:
		s.State = "pending"
	case !r.State.Ended() || r.Attempt == 0 || s.Error != "":
		return nil
	case r.State == Succeeded:
		s.State = "success"
	case r.State == Failed, r.State == TimedOut:
		s.State = "failure"
	default:
		s.State = "error"
	}
	s.Of = r.outcome(Streak{})
	return rules.StatusCommand(&s)
}

func (r *Run) outcome(streak Streak) *rules.Outcome {
	o := &rules.Outcome{
		Run: r.ID, Action: r.Action, State: string(r.State), Attempt: r.Attempt, ExitCode: r.ExitCode, Error: r.Error,
		Hold: string(r.Hold), Started: r.StartedAt, Finished: r.FinishedAt, Failures: streak.Failures,
	}
	if streak.Failures > 0 {
		o.FailingSince = &streak.Since
	}
	return o
}
