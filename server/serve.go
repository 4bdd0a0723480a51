package server

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"
	"golang.org/x/time/rate"

	"github.com/hooktender/hooktender/rules"
)

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
		Trusted: h.proxies.through(r), ReceivedAt: time.Now(),
	}
	if r.TLS != nil {
		req.Peer = r.TLS.PeerCertificates
	}
	if !hook.Allows(req.RemoteIP) {
		in.reject(w, hook, req, notAllowed(unknown))
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
		in.reject(w, hook, req, err)
		return
	}
	if !place.take() {
		in.places.refuse(w, r)
		return
	}
	if in.Keys != nil {
		req.Keys = place
	}
	if in.shake(w, r, place, hook, req) {
		return
	}
	if !slices.Contains(hook.Methods, r.Method) { // it is taken for handshakes alone
		in.notAllowed(w, r, hook)
		return
	}
	if err := hook.Verify(req, req.ReceivedAt); err != nil {
		in.disbelieve(w, r, place, hook, req, err)
		return
	}
	wait, uncount := count(limiter, req.ReceivedAt)
	if wait > 0 {
		in.warn("event refused, because the hook has too many", "hook", hook.Path, "event", cut(req.Event), "setting", "rate_limit")
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		answerError(w, http.StatusTooManyRequests, "too many requests")
		return
	}
	if err := unpack(hook, req, room); err != nil {
		in.reject(w, hook, req, err)
		return
	}
	d := delivery(hook, req)
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
		in.reject(w, hook, req, err)
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

// disbelieve answers who has not proven himself. One that has lost its place while a
// key was fetched is sent away like any other that finds none.
func (in *Intake) disbelieve(w http.ResponseWriter, r *http.Request, place *place, hook *rules.Hook, req *rules.Request, err error) {
	if !place.has {
		in.places.refuse(w, r)
		return
	}
	in.reject(w, hook, req, unproven{err})
}

func (in *Intake) notAllowed(w http.ResponseWriter, r *http.Request, hook *rules.Hook) {
	in.warn("the hook does not take this method", "hook", hook.Path, "method", cut(r.Method), "takes", hook.Methods)
	w.Header().Set("Allow", strings.Join(hook.Methods, ", "))
	answerError(w, http.StatusMethodNotAllowed, "method not allowed")
}

func delivery(hook *rules.Hook, req *rules.Request) *rules.Delivery {
	header, requested := hook.Mask(req)
	d := &rules.Delivery{
		Hook: hook.Path, ReceivedAt: req.ReceivedAt, Method: req.Method, Path: requested, Header: header,
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
