package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// APIStore is what the private door reads. Missing things are fs.ErrNotExist.
type APIStore interface {
	Deliveries(ctx context.Context, f rules.DeliveryFilter) ([]*rules.Delivery, error)
	Delivery(ctx context.Context, id int64) (*rules.Delivery, error)
	Body(ctx context.Context, delivery int64) ([]byte, error)
	Runs(ctx context.Context, f runner.RunFilter) ([]*runner.Run, error)
	RunsOf(ctx context.Context, deliveries []int64) (map[int64][]*runner.Run, error)
	RunReader
	ByHandStore
	Ping(ctx context.Context) error
}

// APIRunner is what people do to runs through the private door.
type APIRunner interface {
	Control
	Approve(ctx context.Context, run int64, by *runner.AuditEntry) error
	Reject(ctx context.Context, run int64, by *runner.AuditEntry) error
	Enqueue(runs ...*runner.Run)
	Displace(d runner.Displaced)
}

// APIConfig is what an API serves. All fields are required.
type APIConfig struct {
	Store  APIStore
	Runner APIRunner
	Intake *Intake // whose configuration counts, and through which replays go
	Pauses *Pauses
	// Reload puts the configuration file into force again and says what came of
	// it; its error may be rules.Problems.
	Reload func() (string, error)
	// Watches lists how everything stands that is watched.
	Watches func() any
}

// An API is the private door's JSON interface.
type API struct {
	APIConfig
	router *httprouter.Router
}

// NewAPI makes the interface.
func NewAPI(c APIConfig) *API {
	a := &API{APIConfig: c, router: newRouter()}
	a.handle(http.MethodGet, "/api/deliveries", a.deliveries)
	a.handle(http.MethodGet, "/api/deliveries/:id", a.delivery)
	a.handle(http.MethodPost, "/api/deliveries/:id/replay", a.replay)
	a.handle(http.MethodGet, "/api/runs", a.runs)
	a.handle(http.MethodGet, "/api/runs/:id", a.run)
	a.handle(http.MethodPost, "/api/runs/:id/cancel", a.toRun(runner.DidCancel, a.Runner.Cancel))
	a.handle(http.MethodPost, "/api/runs/:id/approve", a.toRun(runner.DidApprove, a.Runner.Approve))
	a.handle(http.MethodPost, "/api/runs/:id/reject", a.toRun(runner.DidReject, a.Runner.Reject))
	a.handle(http.MethodPost, "/api/runs/:id/rerun", a.rerun)
	a.handle(http.MethodGet, "/api/hooks", a.hooks)
	a.handle(http.MethodPost, "/api/hooks/pause", a.pause(runner.DidPause))
	a.handle(http.MethodPost, "/api/hooks/resume", a.pause(runner.DidResume))
	a.handle(http.MethodGet, "/api/watches", a.watches)
	a.handle(http.MethodGet, "/api/audit", a.audit)
	a.handle(http.MethodPost, "/api/reload", a.reloadNow)
	a.router.GET("/api/deliveries/:id/body", a.body)
	a.router.GET("/api/runs/:id/output", a.output)
	addHealth(a.router, c.Store)
	return a
}

// newRouter makes a router that answers in JSON and never redirects.
func newRouter() *httprouter.Router {
	router := httprouter.New()
	router.RedirectTrailingSlash, router.RedirectFixedPath = false, false
	router.NotFound = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusNotFound, "not found")
	})
	router.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusMethodNotAllowed, "method not allowed")
	})
	return router
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// handle registers a function that returns what is to be shown as JSON.
func (a *API) handle(method, path string, f func(*http.Request, httprouter.Params) (any, error)) {
	a.router.Handle(method, path, func(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
		v, err := f(r, p)
		if err != nil {
			answerFailure(w, err)
			return
		}
		answer(w, http.StatusOK, v)
	})
}

// A statusError is an error that knows its status.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func badRequest(format string, args ...any) error {
	return statusError{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

// answerFailure tells an error, and what is wrong with the configuration if
// that is the error.
func answerFailure(w http.ResponseWriter, err error) {
	problems, _ := errors.AsType[rules.Problems](err)
	answer(w, statusOf(err), struct {
		failure
		Problems rules.Problems `json:"problems,omitempty"`
	}{failure{err.Error()}, problems})
}

// statusOf is the one place where an error becomes the API's status.
func statusOf(err error) int {
	if known, ok := errors.AsType[statusError](err); ok {
		return known.status
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, runner.ErrNotActive), errors.Is(err, runner.ErrNotHeld):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

func (a *API) deliveries(r *http.Request, _ httprouter.Params) (any, error) {
	q := readQuery(r)
	f := rules.DeliveryFilter{
		Hook: q.text("hook"), Verdicts: oneOf(q, "verdict", rules.Verdicts),
		Since: q.time("since"), Limit: q.number("limit"),
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	list, err := a.Store.Deliveries(r.Context(), f)
	if err != nil {
		return nil, err
	}
	return a.withRuns(r.Context(), list)
}

func (a *API) withRuns(ctx context.Context, list []*rules.Delivery) ([]shownDelivery, error) {
	ids := make([]int64, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	runs, err := a.Store.RunsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	shown := make([]shownDelivery, len(list))
	for i, d := range list {
		shown[i] = showDelivery(d, runs[d.ID])
	}
	return shown, nil
}

func (a *API) delivery(r *http.Request, p httprouter.Params) (any, error) {
	id, err := idOf(p)
	if err != nil {
		return nil, err
	}
	d, err := a.Store.Delivery(r.Context(), id)
	if err != nil {
		return nil, err
	}
	shown, err := a.withRuns(r.Context(), []*rules.Delivery{d})
	if err != nil {
		return nil, err
	}
	if shown[0].Audit, err = a.Store.AuditOfDelivery(r.Context(), id); err != nil {
		return nil, err
	}
	return a.explain(r.Context(), shown[0])
}

// body sends a delivery's body as a file of bytes: whatever a stranger sent is
// not to be rendered by anything.
func (a *API) body(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	id, err := idOf(p)
	if err != nil {
		answerFailure(w, err)
		return
	}
	body, err := a.Store.Body(r.Context(), id)
	if err != nil {
		answerFailure(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", "attachment")
	_, _ = w.Write(body)
}

func (a *API) runs(r *http.Request, _ httprouter.Params) (any, error) {
	q := readQuery(r)
	f := runner.RunFilter{
		Hook: q.text("hook"), States: oneOf(q, "state", runner.States),
		Since: q.time("since"), Limit: q.number("limit"), Delivery: int64(q.number("delivery")),
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	list, err := a.Store.Runs(r.Context(), f)
	if err != nil {
		return nil, err
	}
	shown := make([]*runner.Run, len(list))
	for i, run := range list {
		shown[i] = showRun(run)
	}
	return shown, nil
}

func (a *API) run(r *http.Request, p httprouter.Params) (any, error) {
	id, err := idOf(p)
	if err != nil {
		return nil, err
	}
	run, err := a.Store.Run(r.Context(), id)
	if err != nil {
		return nil, err
	}
	did, err := a.Store.AuditOfRun(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return auditedRun{showRun(run), did}, nil
}

func (a *API) reloadNow(*http.Request, httprouter.Params) (any, error) {
	said, err := a.Reload()
	if err != nil {
		// Whatever it is, a missing file included, the configuration is what is
		// wrong and not the request.
		return nil, statusError{http.StatusUnprocessableEntity, err}
	}
	return map[string]string{"message": said}, nil
}

func idOf(p httprouter.Params) (int64, error) {
	id, err := strconv.ParseInt(p.ByName("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, badRequest("%q is not an id; ids are numbers from 1", p.ByName("id"))
	}
	return id, nil
}
