package server

import (
	"context"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// again is what the sender of an event is told that was accepted before: the
// first delivery with its runs, as far as they are kept. How the runs stand is for
// those alone whom the hook tells how its runs go.
func (in *Intake) again(hook *rules.Hook, d *rules.Delivery) reply {
	in.log.Info("event seen before", "delivery", d.ID, "hook", d.Hook, "event", d.Event, "first", d.DuplicateOf)
	told := reply{Delivery: d.DuplicateOf, Verdict: rules.Duplicate, Runs: []replyRun{}}
	runs, err := in.store.RunsOf(context.Background(), []int64{d.DuplicateOf})
	if err != nil {
		in.log.Error("a sender cannot be told which runs its event has", "delivery", d.DuplicateOf, "error", err)
		return told
	}
	var first []*runner.Run
	for _, run := range runs[d.DuplicateOf] {
		if run.RerunOf == 0 && run.TellsOf == 0 { // what a person ran again, and who was told, is no affair of the sender's
			first = append(first, run)
		}
	}
	told.Runs = replyRuns(first)
	if hook.Respond.AtOnce() {
		for i := range told.Runs {
			told.Runs[i].State = ""
		}
	}
	return told
}
