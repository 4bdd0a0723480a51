package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// spawn starts the process, unless the attempt was asked to end before.
func (a *attempt) spawn(run *Run) (*process, error) {
	as, err := as(run.Command.User)
	if err != nil {
		return nil, err
	}
	if a.sharesPayload() != (as != nil) {
		return nil, fmt.Errorf("user %s became another one just now", run.Command.User)
	}
	stdin, err := a.writePayload(run, as)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	l := &launch{dir: run.Command.Dir, as: as}
	if l.env, err = a.environ(run, as); err != nil {
		return nil, err
	}
	if l.argv, err = a.argv(run.Command); err != nil {
		return nil, err
	}
	if a.endedBy() != none {
		return nil, errors.New("it was to end before it began")
	}
	if !run.Command.NoStdin {
		l.stdin = stdin
	}
	a.output.hide(a.mask())
	return a.startPatiently(run, l)
}

// startPatiently starts the process. Where the system has no more file
// descriptors, processes or memory just now, that is no fault of the script's
// either, and it waits for it to pass.
func (a *attempt) startPatiently(run *Run, l *launch) (p *process, failed error) {
	err := a.r.persist("starting the process", a.id, func(context.Context) error {
		p, failed = a.startOnce(run, l)
		if isScarce(failed) && a.endedBy() == none {
			return failed
		}
		return nil
	})
	return p, cmp.Or(err, failed)
}

func (a *attempt) startOnce(run *Run, l *launch) (p *process, err error) {
	if l.group, err = a.openGroup(run); err != nil {
		return nil, err
	}
	if p, err = start(l, a.output.write); err != nil {
		l.group.discard()
	}
	return p, err
}

// openGroup makes the control group. Somebody may have taken the groups away
// since the server made sure of them; that must not keep every run from running.
func (a *attempt) openGroup(run *Run) (*cgroup, error) {
	if a.r.Cgroups == nil {
		return nil, nil
	}
	g, err := a.r.Cgroups.open(attemptName(run), &run.Command.Limits)
	if err == nil || isScarce(err) {
		return g, err
	}
	a.r.Log.Error("the run has no control group; its processes and limits are looked after without", "run", run.ID, "error", err)
	return nil, nil
}
