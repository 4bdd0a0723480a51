package rules

import (
	"errors"
	"slices"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// Keys fetches what providers publish: certificates and keys that verify.
type Keys = verify.Keys

// A Document is one thing that Keys fetches.
type Document = verify.Document

// An Answer is what a provider is told that asked for a handshake.
type Answer = verify.Answer

// IsUnavailable tells of an error of Verify or Handshake that the request could
// not be judged, because a provider's key cannot be fetched now.
func IsUnavailable(err error) bool {
	_, is := errors.AsType[*verify.Unavailable](err)
	return is
}

// Takes tells whether the hook takes a method, be it for a handshake alone.
func (h *Hook) Takes(method string) bool {
	return slices.Contains(h.Methods, method) || h.verifier != nil && slices.Contains(h.verifier.HandshakeMethods(), method)
}

// Handshake returns the answer to a request with which the provider checks the
// hook's address, nil if it is none. The error is as that of Verify.
func (h *Hook) Handshake(r *Request, now time.Time) (*Answer, error) {
	if h.verifier == nil || !h.verifier.ShakesHands() {
		return nil, nil
	}
	return h.verifier.Handshake(h.evidence(r, now))
}

// Brings tells of a request that it has the form of one that brings the hook's
// secret, be it waited for or not. What is kept of it must be without its body.
func (h *Hook) Brings(r *Request) bool {
	return h.verifier != nil && h.verifier.ShakesHands() && h.verifier.Brings(h.evidence(r, r.ReceivedAt))
}

// Challenge is what WWW-Authenticate tells a sender that is not believed (RFC 9110,
// section 11.6.1), "" for a proof that HTTP has no name for.
func (h *Hook) Challenge() string {
	switch h.preset {
	case "basic":
		return `Basic realm="hooktender"`
	case "bearer":
		return "Bearer"
	}
	return ""
}

// A Receipt is what the provider insists on being told of each event, in place
// of what senders are told otherwise.
type Receipt struct {
	Status int
	Body   string
}

// Receipt returns what the provider insists on, nil if it takes what it gets. A
// hook that says how to respond knows better.
func (h *Hook) Receipt() *Receipt {
	if h.receipt == nil || !h.Respond.AtOnce() {
		return nil
	}
	return &Receipt{Status: h.receipt.Status, Body: h.receipt.Body}
}
