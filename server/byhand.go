package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// ByHandStore keeps what people do, together with who and when.
type ByHandStore interface {
	// Rerun is Accept for one run of a delivery that is stored already, and gives
	// by the run's id.
	Rerun(ctx context.Context, r *runner.Run, by *runner.AuditEntry) (runner.Displaced, error)
	// Note keeps that a person did something that is on disk already.
	Note(ctx context.Context, by *runner.AuditEntry) error
	Audit(ctx context.Context, limit int) ([]runner.AuditEntry, error)
	AuditOfRun(ctx context.Context, run int64) ([]runner.AuditEntry, error)
	AuditOfDelivery(ctx context.Context, delivery int64) ([]runner.AuditEntry, error)
	OpenRuns(ctx context.Context) (map[string]map[runner.State]int, error)
}

func entryOf(r *http.Request, did runner.Deed) *runner.AuditEntry {
	return &runner.AuditEntry{At: time.Now(), Who: who(r), Did: did}
}

// toRun makes a handler of what the runner does to one run.
func (a *API) toRun(did runner.Deed, do func(context.Context, int64, *runner.AuditEntry) error) func(*http.Request, httprouter.Params) (any, error) {
	return func(r *http.Request, p httprouter.Params) (any, error) {
		id, err := idOf(p)
		if err != nil {
			return nil, err
		}
		run, err := a.Store.Run(r.Context(), id)
		if err != nil {
			return nil, fmt.Errorf("%s run %d: %w", did, id, err)
		}
		by := entryOf(r, did)
		by.Run, by.Delivery, by.Hook = id, run.Delivery, run.Hook
		if err := do(r.Context(), id, by); err != nil {
			return nil, err
		}
		return map[string]any{"id": id, "did": did}, nil
	}
}

// rerun runs a run's command again, on the same payload: as it was then, or as
// the rule of the same name says now.
func (a *API) rerun(r *http.Request, p httprouter.Params) (any, error) {
	id, err := idOf(p)
	if err != nil {
		return nil, err
	}
	q := readQuery(r)
	current := q.flag("current")
	if err := q.end(); err != nil {
		return nil, err
	}
	old, err := a.Store.Run(r.Context(), id)
	if err != nil {
		return nil, err
	}
	d, body, err := a.storedEvent(r.Context(), old.Delivery)
	if err != nil {
		return nil, fmt.Errorf("rerun run %d: %w", id, err)
	}
	command, note := old.Command, fmt.Sprintf("run %d again", id)
	if current {
		note += ", by the rule of now"
		if command, err = a.Intake.command(old, d, body); err != nil {
			return nil, statusError{http.StatusConflict, fmt.Errorf("rerun run %d by the rule of now: %w", id, err)}
		}
	}
	run := newRun(d, old.Rule, command)
	run.QueuedAt, run.RerunOf, run.TellsOf = time.Now(), id, old.TellsOf
	a.Intake.guard([]*runner.Run{run}, a.Intake.sender(r))
	by := entryOf(r, runner.DidRerun)
	by.Hook, by.Delivery, by.Note = run.Hook, run.Delivery, note
	displaced, err := a.Store.Rerun(context.WithoutCancel(r.Context()), run, by)
	if err != nil {
		return nil, err
	}
	a.Runner.Displace(displaced)
	a.Runner.Enqueue(append(unended([]*runner.Run{run}), run.Told...)...)
	return map[string]any{"id": run.ID, "rerun_of": id, "state": run.State}, nil
}

// storedEvent is a delivery with its body, which a new run needs.
func (a *API) storedEvent(ctx context.Context, id int64) (*rules.Delivery, []byte, error) {
	d, err := a.Store.Delivery(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("its payload is not kept any more (keep.deliveries): %w", err)
	}
	body, err := a.Store.Body(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("its payload: %w", err)
	}
	return d, body, nil
}

// replay sends a delivery through the rules of now, as if it arrived now.
func (a *API) replay(r *http.Request, p httprouter.Params) (any, error) {
	id, err := idOf(p)
	if err != nil {
		return nil, err
	}
	d, body, err := a.storedEvent(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("replay delivery %d: %w", id, err)
	}
	by := entryOf(r, runner.DidReplay)
	by.Hook, by.Note = d.Hook, fmt.Sprintf("delivery %d again", id)
	took, err := a.Intake.replay(d, body, a.Intake.sender(r), by)
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return nil, statusError{http.StatusServiceUnavailable, refused}
	}
	if err != nil {
		return nil, statusError{http.StatusConflict, fmt.Errorf("replay delivery %d: %w", id, err)}
	}
	if by.Delivery > 0 {
		return took, nil // it is on disk with the delivery
	}
	by.Delivery = took.Delivery
	if err := a.Store.Note(context.WithoutCancel(r.Context()), by); err != nil {
		return nil, fmt.Errorf("delivery %d is replayed as %d, but who did so could not be written down: %w", id, took.Delivery, err)
	}
	return took, nil
}

func (a *API) audit(r *http.Request, _ httprouter.Params) (any, error) {
	q := readQuery(r)
	limit := q.number("limit")
	if err := q.end(); err != nil {
		return nil, err
	}
	return a.Store.Audit(r.Context(), limit)
}

// replay admits a stored delivery anew, for whom by names and on behalf of the run
// that asks for it, if one does. What was rejected has to prove itself again, as
// of when it arrived, which it can after a wrong secret was put right; what was
// let in is not asked again.
func (in *Intake) replay(stored *rules.Delivery, body []byte, cause int64, by *runner.AuditEntry) (reply, error) {
	hook, req, err := in.restore(stored, body)
	if err != nil {
		return reply{}, err
	}
	req.Keys = in.Keys
	switch {
	case stored.Verdict == rules.Ignored && len(stored.Decisions) == 0:
		return reply{}, errors.New("no rule was asked about it: " + stored.Reason)
	case stored.Verdict == rules.Rejected && !hook.Allows(req.RemoteIP):
		return reply{}, fmt.Errorf("it was rejected, and still is: %w", errNotAllowed)
	case stored.Verdict == rules.Rejected:
		if err := hook.Verify(req, stored.ReceivedAt); err != nil {
			return reply{}, fmt.Errorf("it was rejected, and still is: %w", err)
		}
	}
	if err := hook.Unpack(req, nil); err != nil {
		return reply{}, err
	}
	req.ReceivedAt = time.Now()
	d := delivery(hook, req)
	d.ReplayOf = stored.ID
	return in.admit(hook, req, d, func() int64 { return cause }, by)
}

// command is what a run's rule says now of the run's delivery.
func (in *Intake) command(old *runner.Run, d *rules.Delivery, body []byte) (*rules.Command, error) {
	hook, req, err := in.restore(d, body)
	if err != nil {
		return nil, err
	}
	if old.TellsOf != 0 {
		return nil, fmt.Errorf("it tells of run %d, and only of that; leave --current out", old.TellsOf)
	}
	return hook.Command(old.Rule, old.Command, req)
}

// restore makes the request of a stored delivery again, and finds the hook that
// answers its path now. What proved the sender then is not in it.
func (in *Intake) restore(d *rules.Delivery, body []byte) (*rules.Hook, *rules.Request, error) {
	req := d.Request(body)
	hook, params := in.hooks.Load().find(req.Path)
	if hook == nil {
		return nil, nil, fmt.Errorf("no hook answers %s any more: %w", req.Path, fs.ErrNotExist)
	}
	req.Hook, req.Params = hook.Path, params
	return hook, req, nil
}
