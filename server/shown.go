package server

import (
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A shownDelivery is a delivery together with its runs.
type shownDelivery struct {
	*rules.Delivery
	Runs     []shownRun          `json:"runs"`
	Counts   counts              `json:"counts"`
	Untraced string              `json:"untraced,omitempty"` // why the rules have no traces, where one delivery is shown
	Audit    []runner.AuditEntry `json:"audit,omitempty"`    // likewise
}

// An auditedRun is a run with what people did to it.
type auditedRun struct {
	*runner.Run
	Audit []runner.AuditEntry `json:"audit,omitempty"`
}

type shownRun struct {
	ID      int64        `json:"id"`
	Rule    string       `json:"rule"`
	Action  string       `json:"action"`
	State   runner.State `json:"state"`
	Attempt int          `json:"attempt"` // executions begun so far
}

// counts are what the runs of a delivery came to. What was canceled, superseded or
// skipped is among Runs alone.
type counts struct {
	Runs      int `json:"runs"`
	Attempts  int `json:"attempts"` // of all of them
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"` // or timed out, for good
	Open      int `json:"open"`   // not over yet
}

func (c *counts) add(r *runner.Run) {
	c.Runs++
	c.Attempts += r.Attempt
	switch r.State {
	case runner.Succeeded:
		c.Succeeded++
	case runner.Failed, runner.TimedOut:
		c.Failed++
	}
	if !r.State.Ended() {
		c.Open++
	}
}

// showDelivery makes of a delivery what is shown of it: times in UTC, lists that
// are never null.
func showDelivery(d *rules.Delivery, runs []*runner.Run) shownDelivery {
	shown := *d
	shown.ReceivedAt = d.ReceivedAt.UTC()
	if shown.Decisions == nil {
		shown.Decisions = []rules.Decision{}
	}
	list := make([]shownRun, len(runs))
	var sum counts
	for i, run := range runs {
		list[i] = shownRun{run.ID, run.Rule, run.Action, run.State, run.Attempt}
		sum.add(run)
	}
	return shownDelivery{Delivery: &shown, Runs: list, Counts: sum}
}

// showRun makes of a run what is shown of it: times in UTC.
func showRun(r *runner.Run) *runner.Run {
	shown := *r
	shown.QueuedAt = r.QueuedAt.UTC()
	shown.StartedAt, shown.FinishedAt = utc(r.StartedAt), utc(r.FinishedAt)
	return &shown
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	in := t.UTC()
	return &in
}
