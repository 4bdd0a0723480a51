package main

import (
	"context"
	"fmt"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/runner/call"
	"github.com/hooktender/hooktender/runner/notify"
	"github.com/hooktender/hooktender/store"
)

// performers does what is no process, by its action.
type performers map[string]runner.Performer

func newPerformers(config func() *rules.Config, st *store.Store, client *outbound.Client) performers {
	calls := call.New(client, func(run int64) string { return config().Server.PageOf(run) })
	return performers{
		rules.ActionHTTP:   calls,
		rules.ActionStatus: calls,
		rules.ActionNotify: &notify.Performer{Config: config, Log: st, Client: client},
	}
}

// Perform hands the job to who does its action.
func (p performers) Perform(ctx context.Context, job *runner.Job) error {
	performer := p[job.Run.Command.Action()]
	if performer == nil {
		return &runner.PerformError{Err: fmt.Errorf("this version of hooktender does not know how to do %q", job.Run.Command.Action()), Final: true}
	}
	return performer.Perform(ctx, job)
}
