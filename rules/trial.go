package rules

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Trial is what would become of a request, and why. Nothing is done about it.
type Trial struct {
	// Verified is nil where the sender was not judged; Proof says in any case why.
	Verified *bool
	Proof    string

	Verdict Verdict
	Reason  string
	Refusal error // of the sender or the body; nil if the rules were what decided

	// Decisions have their traces. They are there also where the sender would be
	// refused: what the rules would say if it were genuine.
	Decisions []Decision
	Actions   []Action
}

// NoProof is the Proof of a request that brings nothing to be judged.
const NoProof = "not checked: no signature is given; `hooktender send` makes one"

// Match finds the hook of a requested path, decoded, and the parameters in it. It
// is nil where a sender would be answered 404.
func (s *Set) Match(requested string) (*Hook, map[string]string) {
	if clean := path.Clean(requested); requested != clean && requested != clean+"/" {
		return nil, nil
	}
	for _, h := range s.All() {
		if params, ok := matchPath(h.Path, requested); ok {
			return h, params
		}
	}
	return nil, nil
}

// SetEvent writes the event's name into a request where the hook's provider would,
// and fails if that names no events.
func (h *Hook) SetEvent(r *Request, event string) error {
	if h.verifier == nil || !h.verifier.NamesEvents() {
		return fmt.Errorf("the scheme of %s names no events, so request.event is always empty there", h.Path)
	}
	if err := h.write(r, time.Time{}, func(vr *verify.Request) error { return h.verifier.SetEvent(vr, event) }); err != nil {
		return fmt.Errorf("name the event: %w", err)
	}
	return nil
}

// Try says what would become of a request at a time. Where complete is false, a
// request without any signature is one that somebody only has not signed, and
// is not judged for it.
func (h *Hook) Try(r *Request, now time.Time, complete bool) *Trial {
	t := &Trial{}
	h.tryProof(t, r, now, complete)
	var decisions []Decision
	var actions []Action
	err := h.Unpack(r, nil)
	if err == nil {
		decisions, actions, err = h.Evaluate(r)
	}
	if err == nil {
		t.Actions = actions
		t.Decisions = decisions
		if explained, err := h.explain(r, decisions); err == nil { // else the decisions stand without
			t.Decisions = explained
		}
	}
	switch {
	case t.Refusal != nil:
		t.Verdict, t.Reason = Rejected, t.Proof
	case err != nil:
		t.Refusal, t.Verdict, t.Reason = err, Rejected, err.Error()
	default:
		t.Verdict, t.Reason = VerdictOf(t.Decisions)
	}
	return t
}

func (h *Hook) tryProof(t *Trial, r *Request, now time.Time, complete bool) {
	if h.IsWatch() {
		t.judged(true, "the server finds it out itself")
		r.Event = h.event
		return
	}
	if h.verifier == nil {
		t.judged(true, "verify: none lets everyone in")
		h.identifyEvent(r)
		return
	}
	vr := h.evidence(r, now)
	h.identify(r, vr)
	switch {
	case h.unread != nil && !r.settled:
		t.Proof = "not checked: " + strings.ReplaceAll(h.unread.Error(), "\n", "; ")
	case !complete && !h.verifier.Carries(vr):
		t.Proof = NoProof
	case r.unpacked:
		t.Proof = "not checked: it was believed when it arrived; its body is kept unpacked"
	case h.isMasked(r):
		t.Proof = "not checked: what proved the sender was masked before it was stored"
	default:
		err := h.verifier.Verify(vr)
		if err == nil {
			h.identifyProven(r, vr) // as the one of any names them that believes it
			t.judged(true, "genuine")
			return
		}
		t.judged(false, err.Error())
		t.Refusal = err
	}
}

func (t *Trial) judged(genuine bool, why string) { t.Verified, t.Proof = &genuine, why }

// isMasked tells that a request comes from where secrets are not kept.
func (h *Hook) isMasked(r *Request) bool {
	headers, query := h.verifier.Sensitive()
	for _, name := range headers {
		if slices.Contains(r.Header.Values(name), mask) {
			return true
		}
	}
	for part := range strings.SplitSeq(r.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); value == mask && (err != nil || slices.Contains(query, plain)) {
			return true
		}
	}
	return false
}

// IsRejection tells that a sender was not believed, other than that what it sent
// could not be read.
func IsRejection(err error) bool {
	_, ok := errors.AsType[*verify.Rejection](err)
	return ok
}
