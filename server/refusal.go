package server

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// unproven is why a sender is not believed. Whatever went wrong while it was to
// prove itself, it learns no more than that it did not.
type unproven struct{ error }

// reject records a request that was not let in, and tells the sender no more
// than it may know.
func (in *Intake) reject(w http.ResponseWriter, hook *rules.Hook, req *rules.Request, received time.Time, cause error) {
	d := delivery(hook, req, received)
	d.Verdict, d.Reason = rules.Rejected, cause.Error()
	in.store.Record(d)
	if more, ok := in.refusals.pass(received); ok {
		in.log.Warn("request rejected", "delivery", d.ID, "hook", d.Hook, "remote_ip", d.RemoteIP, "reason", d.Reason, "more", more)
	}
	if _, unread := errors.AsType[*unreadError](cause); unread {
		w.Header().Set("Connection", "close") // what is left of the body is not read
	}
	status, msg := rejection(cause)
	answerError(w, status, msg)
}

// rejection is the one place where a refusal becomes an HTTP status.
func rejection(cause error) (status int, msg string) {
	if _, ok := errors.AsType[unproven](cause); ok {
		return http.StatusUnauthorized, "unauthorized"
	}
	if unread, ok := errors.AsType[*unreadError](cause); ok {
		return unread.status, unread.msg
	}
	if errors.Is(cause, rules.ErrUnsupported) {
		return http.StatusUnsupportedMediaType, cause.Error()
	}
	if malformed, ok := errors.AsType[*rules.MalformedError](cause); ok {
		return http.StatusBadRequest, malformed.Reason
	}
	return http.StatusBadRequest, "bad request"
}

const logEvery = time.Second

// throttle lets one message a second into the log, so that strangers cannot
// fill the disk with it. Each rejected request is among the deliveries anyway.
type throttle struct {
	next atomic.Int64 // unix nanoseconds
	held atomic.Int64
}

// pass tells whether to log now, and how many were held back since the last.
func (t *throttle) pass(now time.Time) (more int64, ok bool) {
	next := t.next.Load()
	wait := time.Duration(next - now.UnixNano())
	// A longer wait than the longest there is means that the clock was set back.
	due := wait <= 0 || wait > logEvery
	if !due || !t.next.CompareAndSwap(next, now.Add(logEvery).UnixNano()) {
		t.held.Add(1)
		return 0, false
	}
	return t.held.Swap(0), true
}
