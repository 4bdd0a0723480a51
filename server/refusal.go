package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hooktender/hooktender/rules"
)

// unproven is why a sender is not believed. Whatever went wrong while it was to
// prove itself, it learns no more than that it did not.
type unproven struct{ error }

// errNotAllowed is why a sender is not listened to at all.
var errNotAllowed = errors.New("the sender's address is not among allow_ips")

// notAllowed says also why the address is not known, if it is not.
func notAllowed(unknown error) error {
	if unknown == nil {
		return errNotAllowed
	}
	return fmt.Errorf("%w: %w", errNotAllowed, unknown)
}

// reject records a request that was not let in, and tells the sender no more
// than it may know.
func (in *Intake) reject(w http.ResponseWriter, hook *rules.Hook, req *rules.Request, cause error) {
	d := delivery(hook, req)
	d.Verdict, d.Reason = rules.Rejected, cause.Error()
	_, unread := errors.AsType[*unreadError](cause)
	if unread || errors.Is(cause, errNotAllowed) {
		d.Size, d.Body = -1, nil // what is there is not all of it
	}
	in.store.Record(d)
	in.warn("request rejected", "delivery", d.ID, "hook", d.Hook, "remote_ip", d.RemoteIP, "reason", cut(d.Reason))
	if unread {
		w.Header().Set("Connection", "close") // what is left of the body is not read
	}
	status, msg := rejection(cause)
	if challenge := hook.Challenge(); status == http.StatusUnauthorized && challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if status == http.StatusUnauthorized && hook.Receipt() != nil {
		answerPlain(w, status, "") // a provider that insists on its answers does so here
		return
	}
	if status == http.StatusServiceUnavailable {
		answerLater(w, msg)
		return
	}
	answerError(w, status, msg)
}

// rejection is the one place where a refusal becomes an HTTP status.
func rejection(cause error) (status int, msg string) {
	if unproven, ok := errors.AsType[unproven](cause); ok {
		if rules.IsUnavailable(unproven.error) {
			return http.StatusServiceUnavailable, "cannot be verified now"
		}
		return http.StatusUnauthorized, "unauthorized"
	}
	if _, unkept := errors.AsType[errUnkept](cause); unkept {
		return http.StatusServiceUnavailable, "cannot be kept now"
	}
	if errors.Is(cause, errNotAllowed) {
		return http.StatusForbidden, "forbidden"
	}
	if unread, ok := errors.AsType[*unreadError](cause); ok {
		return unread.status, unread.msg
	}
	if errors.Is(cause, rules.ErrTooLarge) {
		return http.StatusRequestEntityTooLarge, "too large"
	}
	if errors.Is(cause, rules.ErrNoRoom) {
		return errNoRoom.status, errNoRoom.msg
	}
	if errors.Is(cause, rules.ErrUnsupported) {
		return http.StatusUnsupportedMediaType, cause.Error()
	}
	if malformed, ok := errors.AsType[*rules.MalformedError](cause); ok {
		return http.StatusBadRequest, malformed.Reason
	}
	return http.StatusBadRequest, "bad request"
}

// warn puts into the log what a stranger may have caused, and says how much of
// that was held back before.
func (in *Intake) warn(msg string, args ...any) { in.tell(slog.LevelWarn, msg, args...) }

func (in *Intake) tell(level slog.Level, msg string, args ...any) {
	held, ok := in.warnings.pass(time.Now())
	if !ok {
		return
	}
	if held > 0 {
		args = append(args, "held_back_before", held)
	}
	in.log.Log(context.Background(), level, msg, args...)
}

// cut shortens for the log what a stranger wrote.
func cut(s string) string {
	const enough = 200
	if len(s) > enough {
		return s[:enough] + "…"
	}
	return s
}

// newLimiter makes what counts a hook's events; nil where there is no limit.
func newLimiter(r rules.Rate) *rate.Limiter {
	if r.Count == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Every(r.Per/time.Duration(r.Count)), r.Count)
}

// count takes one event into account, and tells when the sender may come again if
// that is one too many. uncount takes it back, for an event that was none.
func count(l *rate.Limiter, now time.Time) (wait time.Duration, uncount func()) {
	if l == nil {
		return 0, func() {}
	}
	event := l.ReserveN(now, 1)
	uncount = func() { event.CancelAt(now) } // of a later time it would be too late
	if wait = event.DelayFrom(now); wait > 0 {
		uncount()
	}
	return wait, uncount
}

// logAtMost is how many warnings a second go into the log.
const logAtMost = 20

// throttle lets a few messages a second into the log, so that strangers cannot
// fill the disk with it. Each rejected request is among the deliveries anyway.
type throttle struct {
	mu     sync.Mutex
	second int64 // in which passed counts
	passed int
	held   int
}

// pass tells whether to log now, and how many were held back since the last.
func (t *throttle) pass(now time.Time) (held int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if second := now.Unix(); second != t.second {
		t.second, t.passed = second, 0
	}
	if t.passed == logAtMost {
		t.held++
		return 0, false
	}
	t.passed++
	held, t.held = t.held, 0
	return held, true
}
