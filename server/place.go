package server

import (
	"errors"
	"net/http"

	"github.com/hooktender/hooktender/rules"
)

// A place is the one that a request has among those that are worked on, with what
// it holds meanwhile. It is also the keys as the request asks for them: whoever waits
// for a provider's answer does nothing, and must not keep others from being worked on.
type place struct {
	of   *places
	has  bool
	keys rules.Keys
	size int64       // of the body
	room reservation // for it
	late overdue
	came bool // the body
}

func (in *Intake) placeFor(r *http.Request, maxBody int64) *place {
	return &place{of: in.places, keys: in.Keys, room: reservation{budget: &in.bodies, limit: bodyRoom(maxBody), link: linkOf(r)}}
}

// A large body needs no place. How many there are is bounded by the memory that they
// may take, and the small ones are not to wait for them.
func needsPlace(size int64) bool { return size <= believed }

// take takes a place for a body that has come.
func (p *place) take() bool {
	p.has = !needsPlace(p.size) || p.of.take(p)
	return p.has
}

// mayWait gives the body of who waits its share of the memory that large ones have.
func (p *place) mayWait() bool { return p.size <= p.room.held || p.room.grow(p.size) }

// give lets another one be worked on. It may be called twice.
func (p *place) give() {
	if p.has && needsPlace(p.size) {
		p.of.give()
	}
	p.has = false
}

// read is readBody for the request.
func (p *place) read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := readBody(w, r, limit, &p.room)
	if err == nil {
		p.size, p.came = int64(len(body)), true
		p.room.link.come()
	}
	return body, err
}

// leave gives back all that the request holds, however it ended.
func (p *place) leave() {
	p.late.end()
	p.give()
	p.room.release()
	if p.came {
		p.room.link.gone()
		p.came = false
	}
}

var errNoPlace = errors.New("too many requests at once")

// Fetch implements rules.Keys.
func (p *place) Fetch(d rules.Document, again bool) ([]byte, error) {
	if kept, ok := p.keys.(*Keys); ok {
		if data, ok := kept.atHand(d, again); ok {
			return data, nil
		}
	}
	p.give()
	data, err := p.keys.Fetch(d, again)
	if !p.take() {
		return nil, errNoPlace
	}
	return data, err
}
