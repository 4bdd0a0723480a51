package server

import (
	"net/http"
	"time"
)

// tellEvery is how often the log says that requests are sent away.
const tellEvery = time.Minute

// refuse answers who is sent away. Nothing of it is kept, so that it costs as little
// as it can.
func (p *places) refuse(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	p.mu.Lock()
	p.refused++
	refused, due := p.refused, now.After(p.nextWarn)
	if due {
		p.nextWarn = now.Add(tellEvery)
	}
	p.mu.Unlock()
	if due {
		p.log.Warn("requests are refused: more come than can be worked on, or the disk does not take them in time", "refused_since_start", refused)
	}
	if l := linkOf(r); l != nil {
		l.refused.Store(now.UnixNano())
	}
	answerLater(w, "too many requests at once")
}

// refusesUnread sends away who would be sent away once the body has come, before
// memory is taken for it.
func (in *Intake) refusesUnread(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength < 0 || !needsPlace(r.ContentLength) || !in.places.full() {
		return false
	}
	if in.slowDown(r); !in.places.full() {
		return false
	}
	in.places.refuse(w, r)
	return true
}

// slowDown keeps those waiting who come again on a connection sooner than they were
// told to. Refusing costs little, but many who come again at once and do nothing
// else would take all there is from those who are worked on.
func (in *Intake) slowDown(r *http.Request) {
	l := linkOf(r)
	if l == nil || time.Since(time.Unix(0, l.refused.Load())) > retryAfter*time.Second {
		return
	}
	pause := time.NewTimer(lineWithin)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-r.Context().Done():
	case <-in.stopping.Done():
	}
}
