package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync/atomic"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// IntakeStore keeps what arrives. Of a delivery's body it keeps a copy: when Accept
// and Record have returned, its bytes may be those of the next one.
type IntakeStore interface {
	// Accept gives the delivery and its runs their ids and returns when all of
	// it is on disk.
	// Runs that find their group busy may come back as skipped, or have displaced
	// others. A delivery that was accepted before comes back as a duplicate,
	// without runs.
	Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error)
	// Record gives the delivery its id and keeps it soon, without waiting.
	Record(d *rules.Delivery)
	// RunReader is for senders that want to know how their runs go.
	RunReader
	// RunsOf returns the runs of each of the deliveries, oldest first.
	RunsOf(ctx context.Context, deliveries []int64) (map[int64][]*runner.Run, error)
}

// Queue takes runs that are on disk.
type Queue interface {
	// Reserve takes places for new runs that could begin at once, and makes them
	// running, to be stored so. release gives back those that are not enqueued.
	Reserve(runs []*runner.Run) (release func())
	Enqueue(runs ...*runner.Run)
	// Displace ends the runs whose place newer ones have taken.
	Displace(d runner.Displaced)
	// Full tells that no more runs of a hook should be accepted now.
	Full(hook string) bool
	// Named returns the running run that a RunHeader names, 0 if it names none.
	Named(header string) (run int64)
	// Holder returns the run that has the other end of a connection, 0 if none, and
	// whether it was looked for.
	Holder(conn runner.Conn) (run int64, looked bool)
	Control
}

// An Intake is the public door. Use may be called while it serves: each request
// is answered by the hooks that counted when it came.
type Intake struct {
	Keys rules.Keys // fetches what providers publish; set before it serves

	// Receive keeps a secret that a provider has brought, and puts it in force; set
	// before it serves. An error that is fs.ErrExist says that one is there.
	Receive func(file string, secret rules.Secret) error

	store    IntakeStore
	queue    Queue
	log      *slog.Logger
	warnings throttle
	places   *places
	bodies   budget
	parsing  parsing
	hooks    atomic.Pointer[hooks]
	stopping context.Context // done from Stop on
	stop     context.CancelFunc
	waiting  chan struct{} // holds a token for each sender that waits for runs
}

// hooks is one configuration, ready to serve.
type hooks struct {
	all     []*rules.Hook
	router  *httprouter.Router
	maxBody int64
	proxies proxies
}

// NewIntake makes a door that answers 404 to everything until Use is called.
func NewIntake(store IntakeStore, queue Queue, log *slog.Logger) *Intake {
	in := &Intake{store: store, queue: queue, log: log, places: newPlaces(log), parsing: newParsing(), waiting: make(chan struct{}, maxWaiting)}
	in.stopping, in.stop = context.WithCancel(context.Background())
	in.hooks.Store(&hooks{router: httprouter.New()})
	return in
}

// anyMethod is the name under which all hooks stand in the router. A hook's
// methods are checked behind it, so that a wrong one is a 405 and no more.
const anyMethod = "*"

// Use puts a configuration into force, in one step.
func (in *Intake) Use(c *rules.Config) {
	h := &hooks{all: c.Set.All(), router: httprouter.New(), maxBody: c.Server.MaxBody, proxies: proxies(c.Server.TrustedProxies)}
	for _, hook := range c.Set.Hooks() {
		limiter := newLimiter(hook.RateLimit)
		h.router.Handle(anyMethod, hook.Path, func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
			in.serve(w, r, h, hook, limiter, params)
		})
	}
	in.hooks.Store(h)
}

// Stop makes the door answer 503 from now on. Senders that wait for the ends of
// runs are answered now: what becomes of the runs shows when the server is back.
func (in *Intake) Stop() { in.stop() }

// ServeHTTP looks the path up as it is: the router's own way of serving would
// redirect //x and /x/, and a redirected POST arrives as a GET without a body.
func (in *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if in.stopping.Err() != nil {
		answerLater(w, "stopping")
		return
	}
	handle, params := in.hooks.Load().lookup(r.URL)
	if handle == nil {
		in.warn("no such hook", "method", cut(r.Method), "path", cut(r.URL.Path), "peer", r.RemoteAddr)
		answerError(w, http.StatusNotFound, "not found")
		return
	}
	handle(w, r, params)
}

// lookup finds what answers a path, nil for nothing.
func (h *hooks) lookup(u *url.URL) (httprouter.Handle, httprouter.Params) {
	if !isPlain(u) {
		return nil, nil
	}
	handle, params, _ := h.router.Lookup(anyMethod, u.Path)
	return handle, params
}

// find returns the hook that answers a path, nil if none does, with what its
// parameters stand for.
func (h *hooks) find(path string) (*rules.Hook, map[string]string) {
	for _, hook := range h.all {
		if params, ok := hook.Match(path); ok {
			return hook, params
		}
	}
	return nil, nil
}

// isPlain tells whether a path means what it says and nothing else. One with an
// empty, . or .. part or an encoded slash is no hook's: what stands in front of
// this server may read it in another way, and a script may take a part of it for
// the name of a file.
func isPlain(u *url.URL) bool {
	if strings.Contains(strings.ToLower(u.RawPath), "%2f") {
		return false
	}
	clean := path.Clean(u.Path)
	return u.Path == clean || u.Path == clean+"/"
}
