package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Member is one of several schemes that a hook combines.
type Member struct {
	Name string // as the configuration has it
	*Verifier
}

// Any makes the verifier of a hook that believes a request if at least one of
// the members does, which have to be at least one. Event and id are those that
// the believing member names. Its Sign is the first member's that can.
func Any(members ...Member) *Verifier { return combine(members, false) }

// All makes the verifier of a hook that believes a request only if every member
// does. Event and id are those of the first member that names and signs them, or
// else of the first that names them.
func All(members ...Member) *Verifier { return combine(members, true) }

func combine(members []Member, all bool) *Verifier {
	v := &Verifier{proof: &combined{members: members, all: all}}
	for _, m := range members {
		v.event = append(v.event, m.event...)
		v.needsURL = v.needsURL || m.needsURL
		v.handshakes = append(v.handshakes, m.handshakes...)
		v.bringing = append(v.bringing, m.bringing...)
	}
	return v
}

// combined is the proof of several schemes together.
type combined struct {
	members []Member
	all     bool
}

// verify asks every member, until one is enough. Which one that is its sender
// knows; to refuse a request takes the same time whatever it came near to, as each
// member compares its own secret in constant time and all are asked.
func (p *combined) verify(r *Request) error {
	var reasons []string
	later := 0
	for _, m := range p.members {
		err := m.Verify(r)
		if err == nil && !p.all {
			r.believe(p, m.Verifier)
			return nil
		}
		if err == nil {
			continue
		}
		reasons = append(reasons, m.Name+": "+err.Error())
		if _, unavailable := errors.AsType[*Unavailable](err); unavailable {
			later++
		}
	}
	reason := strings.Join(reasons, "; ")
	switch {
	case len(reasons) == 0:
		return nil
	case later > 0 && (!p.all || later == len(reasons)): // what one of all refuses stays refused
		return &Unavailable{reason}
	case p.all:
		return reject("not every proof holds: %s", reason)
	}
	return reject("no proof holds: %s", reason)
}

// identify takes event and id from the member that believed the request, if one
// did; else, and of all, from the first that names and signs them, or just names
// them: beside an id that is signed, another's is whatever its sender likes.
func (p *combined) identify(r *Request) (n naming) {
	if v := r.believer(p); v != nil {
		return v.naming(r)
	}
	for _, m := range p.members {
		of := m.naming(r)
		if of.event != "" && (n.event == "" || of.signsEvent && !n.signsEvent) {
			n.event, n.signsEvent = of.event, of.signsEvent
		}
		if of.id != "" && (n.id == "" || of.signsID && !n.signsID) {
			n.id, n.signsID = of.id, of.signsID
		}
	}
	return n
}

// apart is that of the member whose id counts.
func (p *combined) apart(r *Request) string {
	if v := r.believer(p); v != nil {
		return v.Apart(r)
	}
	counts := p.identify(r)
	for _, m := range p.members {
		if of := m.naming(r); of.id != "" && of.id == counts.id && of.signsID == counts.signsID {
			return m.Apart(r)
		}
	}
	return ""
}

// sign lets those that sign the URL come last: a token may stand in its query.
func (p *combined) sign(r *Request) error {
	members := slices.Clone(p.members)
	if p.all {
		slices.SortStableFunc(members, func(a, b Member) int {
			switch {
			case a.needsURL == b.needsURL:
				return 0
			case b.needsURL:
				return -1
			}
			return 1
		})
	}
	var problems []error
	for _, m := range members {
		err := m.Sign(r)
		if err == nil && !p.all {
			return nil
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", m.Name, err))
		}
	}
	return errors.Join(problems...)
}

func (p *combined) places() sources  { return p.gather(proof.places) }
func (p *combined) secrets() sources { return p.gather(proof.secrets) }

func (p *combined) gather(of func(proof) sources) (all sources) {
	for _, m := range p.members {
		all = append(all, of(m.proof)...)
	}
	return all
}

// handshake answers for the first member whose handshake it is. Of any, the member
// has to believe it itself where it is signed; one that does not leaves it to the
// others, for whom it may be an event. Of all, all have to, and where it brings the
// secret of one, all others.
func (p *combined) handshake(r *Request, prove func(*Request) error) (*Answer, error) {
	var refused error
	for _, m := range p.members {
		provenBy := prove
		if !p.all {
			provenBy = func(r *Request) error {
				if err := m.Verify(r); err != nil {
					return err
				}
				return prove(r)
			}
		}
		a, err := m.handshake(r, provenBy)
		if a != nil && a.Secret != "" && p.all {
			if err := p.othersProve(m, r); err != nil {
				return nil, err
			}
		}
		if a != nil || err != nil && p.all {
			return a, err
		}
		if refused == nil {
			refused = err
		}
	}
	if refused != nil && prove(r) == nil {
		return nil, nil
	}
	return nil, refused
}

// othersProve asks all members but one.
func (p *combined) othersProve(one Member, r *Request) error {
	for _, m := range p.members {
		if m.Verifier == one.Verifier {
			continue
		}
		if err := m.Verify(r); err != nil {
			return reject("%s: %v", m.Name, err)
		}
	}
	return nil
}
