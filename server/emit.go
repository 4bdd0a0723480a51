package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
)

func (a *API) watches(r *http.Request, _ httprouter.Params) (any, error) {
	if err := readQuery(r).end(); err != nil {
		return nil, err
	}
	return a.Watches(), nil
}

// Emit takes an event that a watch has found, and returns nil when all that follows
// from it is on disk. With an error it was not taken, and may be told again. One
// that cannot be read is kept as rejected: it would be no better the next time.
func (in *Intake) Emit(_ context.Context, w *rules.Watch, e *rules.Event) error {
	if in.stopping.Err() != nil {
		return &refusedError{"stopping"}
	}
	req := w.Request(e)
	d := delivery(w.Hook, req)
	d.Routine = e.Routine
	_, err := in.admit(w.Hook, req, d, func() int64 { return 0 }, nil)
	if _, refused := errors.AsType[*refusedError](err); refused {
		return err
	}
	if err != nil {
		in.warn("an event of a watch cannot be read", "hook", d.Hook, "event", cut(d.Event), "reason", cut(err.Error()))
		d.Verdict, d.Reason = rules.Rejected, err.Error()
		if !d.Routine {
			in.store.Record(d)
		}
	}
	return nil
}
