package runner

import (
	"context"
	"fmt"
	"time"
)

// Recover makes good what an earlier process left behind, and queues what it
// had accepted. To be called once, before anything is enqueued: it ends the
// processes of runs that were running, which then are queued again or failed as
// their rule says, and removes their files.
func (r *Runner) Recover(ctx context.Context) error {
	running, err := r.Store.Unfinished(ctx, Running)
	if err != nil {
		return fmt.Errorf("find the runs that were interrupted: %w", err)
	}
	r.Cgroups.clear()
	for _, p := range running {
		if err := r.recover(ctx, p.ID); err != nil {
			return fmt.Errorf("recover run %d: %w", p.ID, err)
		}
	}
	if err := r.removePayloads(); err != nil {
		return err
	}
	queued, err := r.Store.Unfinished(ctx, Queued)
	if err != nil {
		return fmt.Errorf("find the runs that are queued: %w", err)
	}
	waiting, err := r.Store.Unfinished(ctx, Waiting)
	if err != nil {
		return fmt.Errorf("find the runs that wait: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range queued {
		r.lineUp(p, nil)
	}
	for _, p := range waiting {
		r.wait(p)
	}
	r.hub.notify(newcomers)
	r.dispatch()
	return nil
}

func (r *Runner) recover(ctx context.Context, id int64) error {
	run, err := r.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	killTree(stillRuns(run.Process), payloadVar+"="+r.payloadPath(run), 0)
	now := time.Now()
	run.FinishedAt = &now
	if run.Canceling {
		run.State, run.Error = Canceled, "canceled while it ran; the server ended meanwhile"
	} else {
		interrupt(run, true)
	}
	r.Log.Warn("run was interrupted", "run", id, "hook", run.Hook, "rule", run.Rule, "attempt", run.Attempt, "state", run.State)
	return r.Store.Update(ctx, run, nil)
}
