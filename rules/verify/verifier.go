package verify

import (
	"crypto/rand"
	"fmt"
	"slices"
)

// A Verifier is a compiled [Scheme] with its secrets. It is immutable and safe
// for concurrent use.
type Verifier struct {
	proof      proof
	event      sources
	id         sources
	apart      sources
	signsBytes bool // the bytes of the body, and not its Content-Type
	needsURL   bool
	handshakes []handshake
	bringing   []handshake // those that bring the secret, be it waited for or not
	signsAny   bool        // a handshake signs what anybody asks it to
}

// A proof is one kind of scheme at work.
type proof interface {
	// verify returns nil or a *Rejection.
	verify(r *Request) error
	// sign changes r so that verify accepts it.
	sign(r *Request) error
	// places are where a request carries the proof.
	places() sources
	// secrets names the places of a request whose values are secret.
	secrets() sources
}

// An identifier is a proof that knows an event's name and id better than places
// in the request tell.
type identifier interface {
	identify(r *Request) naming
}

// A naming is what a request says that it is.
type naming struct {
	event, id           string // "" for what is absent
	signsEvent, signsID bool   // nobody else can change it in a genuine request
}

// A separator is a proof that tells apart the events of one id itself.
type separator interface {
	apart(r *Request) string
}

// A Rejection is why a request is not believed. Its Reason is safe to store and
// to show to an operator: it holds no secret, no expected signature and nothing
// that the sender chose. It is not for the sender, who learns only that it was
// not enough.
type Rejection struct{ Reason string }

// Error returns the reason.
func (r *Rejection) Error() string { return r.Reason }

func reject(format string, args ...any) *Rejection {
	return &Rejection{Reason: fmt.Sprintf(format, args...)}
}

// Verify returns nil if r is genuine, a *[Rejection] if it is not, and
// *[Unavailable] if that cannot be told now. Of several secrets any one will do.
func (v *Verifier) Verify(r *Request) error {
	if err := v.proof.verify(r); err != nil {
		return err
	}
	if v.signsAny && signable.takes(r.Body) {
		return reject("the body is a text that the handshake would sign for anybody")
	}
	return nil
}

// Identify returns the event's name and the delivery's id as the provider gives
// them, "" for what is absent. They are only as believable as r itself: ask
// Verify first. A header is not part of most signatures, so a genuine body can
// be sent again under another id.
func (v *Verifier) Identify(r *Request) (event, id string) {
	n := v.naming(r)
	return n.event, n.id
}

func (v *Verifier) naming(r *Request) (n naming) {
	if p, ok := v.proof.(identifier); ok {
		return p.identify(r)
	}
	r = v.asSigned(r)
	n.event, n.signsEvent = v.event.peekSigned(r)
	n.id, n.signsID = v.id.peekSigned(r)
	return n
}

// EventApart returns the event's name where it may tell apart events of one id, ""
// where it may not: whoever sends a genuine request again can change a name that
// is not signed, and must not make another event of a signed id by that.
func (v *Verifier) EventApart(r *Request) string {
	n := v.naming(r)
	if n.signsEvent || n.id != "" && !n.signsID {
		return n.event
	}
	return ""
}

// Apart returns what differs between the events that a provider sends under one
// id and name, "" for what is absent or where the id alone is enough.
func (v *Verifier) Apart(r *Request) string {
	if p, ok := v.proof.(separator); ok {
		return p.apart(r)
	}
	return v.apart.peek(v.asSigned(r))
}

func (v *Verifier) asSigned(r *Request) *Request {
	if v.signsBytes {
		return asSigned(r)
	}
	return r
}

// Sign changes r so that Verify accepts it, as the provider itself would have
// sent it at r.Now: with the first secret, and with a new delivery id and a
// timestamp where they belong and are absent. It fails when the scheme needs
// something that r lacks, such as the public URL.
func (v *Verifier) Sign(r *Request) error {
	if err := v.ensureID(r); err != nil {
		return err
	}
	return v.proof.sign(r)
}

// Carries reports whether r has anything where the proof belongs, good or not.
func (v *Verifier) Carries(r *Request) bool {
	if p, ok := v.proof.(*combined); ok {
		return slices.ContainsFunc(p.members, func(m Member) bool { return m.Carries(r) })
	}
	return v.proof.places().peek(r) != ""
}

// Strip takes what proves the sender out of r. Of a scheme whose proof is a
// client certificate nothing is there to be taken.
func (v *Verifier) Strip(r *Request) error {
	for _, s := range slices.Concat(v.proof.places(), v.proof.secrets(), v.brought()) {
		if err := s.strip(r); err != nil {
			return err
		}
	}
	return nil
}

// NamesEvents reports whether the scheme says where the event's name stands.
func (v *Verifier) NamesEvents() bool { return len(v.event) > 0 }

// SetEvent writes the event's name where the provider would. A scheme that
// names no events is left alone.
func (v *Verifier) SetEvent(r *Request, event string) error {
	if len(v.event) == 0 {
		return nil
	}
	return v.event[0].set(r, event)
}

// Sensitive returns the names of headers and query parameters whose values are
// secrets. They must be masked before a request is stored or logged. A
// signature is not one of them: it proves one message and opens nothing else.
// Of a body see Brings.
func (v *Verifier) Sensitive() (headers, query []string) {
	places := slices.Clone(v.proof.secrets())
	for _, h := range v.handshakes {
		places = append(places, h.token...)
	}
	for _, s := range append(places, v.brought()...) {
		switch s.kind {
		case inHeader:
			headers = append(headers, s.name)
		case inQuery:
			query = append(query, s.name)
		}
	}
	return headers, query
}

// brought are the places where a handshake brings the secret.
func (v *Verifier) brought() (places sources) {
	for _, h := range v.bringing {
		places = append(places, h.brings...)
	}
	return places
}

// NeedsURL reports whether the scheme signs the hook's public URL, which then
// has to be configured: a Host header proves nothing.
func (v *Verifier) NeedsURL() bool { return v.needsURL }

// ensureID gives r a delivery id if it has none. Ids that stand in the body are
// the payload's own affair.
func (v *Verifier) ensureID(r *Request) error {
	if len(v.id) == 0 || v.id[0].kind != inHeader || v.id.peek(r) != "" {
		return nil
	}
	return v.id[0].set(r, newUUID())
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
