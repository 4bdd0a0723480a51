package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// How long a run may take whose rule does not say so.
const (
	runTimeout  = Duration(10 * time.Minute)
	httpTimeout = Duration(30 * time.Second)
)

// commands are what follows when the rule fires: what it runs and whom it calls
// or, where it does neither, who is told. Each is a run by itself. That people
// cannot be told of what a rule does is no reason not to do it.
func (r *rule) commands(env environment) ([]*Command, error) {
	commit := (*Commit)(nil)
	if len(r.notices) > 0 || r.status != nil {
		commit = commitOf(env.Payload)
	}
	tell, err := r.tell(env, commit)
	if err != nil && !r.acts {
		return nil, err
	}
	status, err := r.statusOf(env, commit)
	if err != nil {
		return nil, err
	}
	if r.acts {
		list, err := r.actions(env, tell)
		if err == nil && status != nil {
			// Of a rule that does both, what it runs has the say: the other would
			// paint over its failure.
			list[0].Tell = append(slices.Clip(tell), Notice{Status: status})
		}
		return list, err
	}
	var list []*Command
	if status != nil {
		list = append(list, StatusCommand(status))
	}
	for _, t := range tell {
		list = append(list, NotifyCommand(&Notification{To: t.To, Message: t.Message, Address: t.Address, Commit: t.Commit}))
	}
	for _, c := range list {
		if err := r.pace(c, env); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// statusOf is what the commit's place is told, nil for nothing. Defaults count for
// events that name no commit, too. Where the rule does something, that happens
// also if the status cannot be set, which then is the status' own failure.
func (r *rule) statusOf(env environment, commit *Commit) (*CommitStatus, error) {
	if r.status == nil || commit == nil && r.status.commit == nil && !r.ownStatus {
		return nil, nil
	}
	s, err := r.status.of(env, r.name, commit)
	switch {
	case err == nil:
		return s, nil
	case !r.ownStatus && (errors.Is(err, errNoCommit) || errors.Is(err, errNoRepository)):
		return nil, nil
	case r.acts:
		s.Error = err.Error()
		return s, nil
	}
	return nil, err
}

// actions are the commands of a rule that runs something, or calls somebody.
func (r *rule) actions(env environment, tell []Notice) (list []*Command, err error) {
	if r.runs() {
		c, err := r.process(env)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if r.http != nil {
		c, err := r.call(env)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	for i, c := range list {
		c.Tell, c.Approve, c.LoopLimit = tell, r.approve, r.loopLimit
		if err := r.pace(c, env); err != nil {
			return nil, err
		}
		// Of a rule that does both, what it runs is what must not meet: both in one
		// group would wait for each other, or take each other's place.
		if r.concurrency != nil && i == 0 {
			if c.Concurrency, err = r.concurrency.of(env, r.name); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// pace says when the rule may fire, which is the same for all that follows.
func (r *rule) pace(c *Command, env environment) error {
	if err := r.throttle.fill(c, env); err != nil {
		return fmt.Errorf("throttle: %w", err)
	}
	if err := r.debounce.fill(c, env); err != nil {
		return fmt.Errorf("debounce: %w", err)
	}
	return nil
}

// process is the command that starts a process.
func (r *rule) process(env environment) (*Command, error) {
	cmd := &Command{
		Script: r.script, Dir: r.dir, NoStdin: r.noStdin, Timeout: cmp.Or(r.timeout, runTimeout), Grace: r.grace,
		OutputLimit: r.outputLimit, Limits: r.limits, User: r.user, OnInterrupt: r.onInterrupt, Retry: r.retry.orNil(),
	}
	if r.script != "" {
		cmd.Shell = r.shell
	}
	for i, v := range r.argv {
		text, err := v.text(env)
		if err != nil {
			return nil, fmt.Errorf("run, argument %d: %w", i, err)
		}
		cmd.Argv = append(cmd.Argv, text)
	}
	for _, e := range r.env {
		text, err := e.value.text(env)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", e.name, err)
		}
		cmd.Env = append(cmd.Env, EnvVar{Name: e.name, Value: text})
	}
	return cmd, nil
}

func (r *rule) runs() bool { return r.script != "" || len(r.argv) > 0 }

// call is the command that calls somebody. It is tried again unless the rule says
// otherwise: what fails mostly passes, and an answer that will not change ends it.
func (r *rule) call(env environment) (*Command, error) {
	call, err := r.http.of(env)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	retry := r.retry
	if retry == nil {
		retry = &Retry{Attempts: 5, Delay: Duration(10 * time.Second), MaxDelay: Duration(10 * time.Minute), On: []string{onFailure, onTimeout}}
	}
	return &Command{
		HTTP: call, Timeout: cmp.Or(r.timeout, httpTimeout), Grace: tellGrace, OutputLimit: r.outputLimit, OnInterrupt: r.onInterrupt, Retry: retry.orNil(),
	}, nil
}

// fields is what the rule reads of the payload.
func (r *rule) fields() *fields {
	all := &fields{}
	all.merge(r.when.reads())
	for _, v := range r.argv {
		all.merge(v.fields())
	}
	for _, e := range r.env {
		all.merge(e.value.fields())
	}
	if r.concurrency != nil {
		all.merge(r.concurrency.group.fields())
	}
	for _, p := range []*pace{r.throttle, r.debounce} {
		if p != nil {
			all.merge(p.by.fields())
		}
	}
	for _, s := range r.notices {
		all.merge(s.message.fields())
		all.merge(s.address.fields())
	}
	if len(r.notices) > 0 {
		all.merge(commitFields)
	}
	all.merge(r.status.fields())
	all.merge(r.http.fields())
	return all
}
