package server

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"
	"golang.org/x/time/rate"

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

// serve is the straight line of a request.
func (in *Intake) serve(w http.ResponseWriter, r *http.Request, h *hooks, hook *rules.Hook, limiter *rate.Limiter, params httprouter.Params) {
	if !hook.Takes(r.Method) {
		in.notAllowed(w, r, hook)
		return
	}
	sender, unknown := h.proxies.client(r)
	if unknown != nil {
		in.warn("the sender's address is not known", "hook", hook.Path, "peer", r.RemoteAddr, "error", unknown)
	}
	req := &rules.Request{
		Hook: hook.Path, Method: r.Method, Path: r.URL.Path, RawQuery: r.URL.RawQuery,
		Params: paramMap(params), Header: r.Header, RemoteIP: sender,
		Trusted: h.proxies.through(r),
	}
	if r.TLS != nil {
		req.Peer = r.TLS.PeerCertificates
	}
	received := time.Now()
	req.ReceivedAt = received
	if !hook.Allows(req.RemoteIP) {
		in.reject(w, hook, req, received, notAllowed(unknown))
		return
	}
	if in.refusesUnread(w, r) {
		return
	}
	var err error
	place := in.placeFor(r, h.maxBody)
	defer place.leave()
	room := &place.room
	if req.Body, err = place.read(w, r, h.maxBody); err != nil {
		in.reject(w, hook, req, received, err)
		return
	}
	if !place.take() {
		in.places.refuse(w, r)
		return
	}
	if in.Keys != nil {
		req.Keys = place
	}
	if in.shake(w, hook, req, received) {
		return
	}
	if !slices.Contains(hook.Methods, r.Method) { // it is taken for handshakes alone
		in.notAllowed(w, r, hook)
		return
	}
	if err := hook.Verify(req, received); err != nil {
		in.reject(w, hook, req, received, unproven{err})
		return
	}
	wait, uncount := count(limiter, received)
	if wait > 0 {
		in.warn("event refused, because the hook has too many", "hook", hook.Path, "event", cut(req.Event), "setting", "rate_limit")
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		answerError(w, http.StatusTooManyRequests, "too many requests")
		return
	}
	if err := unpack(hook, req, room); err != nil {
		in.reject(w, hook, req, received, err)
		return
	}
	d := delivery(hook, req, received)
	took, err := in.admit(hook, req, d, func() int64 { place.late.begin(in, w, d); return in.cause(r) }, nil)
	place.give()
	if place.late.end() {
		return
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		answerLater(w, refused.msg)
		return
	}
	if err != nil {
		in.reject(w, hook, req, received, err)
		return
	}
	if took.Verdict == rules.Duplicate {
		uncount() // or whoever sends one again would keep others out
	}
	if receipt(w, hook) {
		return
	}
	if len(took.Runs) == 0 || took.Verdict == rules.Duplicate {
		answer(w, http.StatusOK, took)
		return
	}
	req.Body, d.Body = nil, nil // it is on disk, and the sender may wait for long
	room.release()
	in.respond(w, r, hook.Respond, took)
}

func (in *Intake) notAllowed(w http.ResponseWriter, r *http.Request, hook *rules.Hook) {
	in.warn("the hook does not take this method", "hook", hook.Path, "method", cut(r.Method), "takes", hook.Methods)
	w.Header().Set("Allow", strings.Join(hook.Methods, ", "))
	answerError(w, http.StatusMethodNotAllowed, "method not allowed")
}

func delivery(hook *rules.Hook, req *rules.Request, received time.Time) *rules.Delivery {
	header, requested := hook.Mask(req)
	d := &rules.Delivery{
		Hook: hook.Path, ReceivedAt: received, Method: req.Method, Path: requested, Header: header,
		Event: req.Event, EventID: req.ID, Size: int64(len(req.Body)), Body: req.Body,
	}
	if req.RemoteIP.IsValid() {
		d.RemoteIP = req.RemoteIP.String()
	}
	if hook.Brings(req) {
		d.Body = nil
	}
	return d
}

func paramMap(params httprouter.Params) map[string]string {
	if len(params) == 0 {
		return nil
	}
	m := make(map[string]string, len(params))
	for _, p := range params {
		m[p.Key] = p.Value
	}
	return m
}
