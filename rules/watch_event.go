package rules

import (
	"net/http"
	"time"
)

// An Event is what a watch has found.
type Event struct {
	ID   string // the same whenever it is told of, and no other's of this watch
	At   time.Time
	Body []byte
	Type string // of the body: a Content-Type; "" for JSON

	// Routine: nothing has changed, so it is worth keeping only if a rule fires.
	Routine bool
}

// Request is an event of the watch as rules see it.
func (w *Watch) Request(e *Event) *Request { return w.Hook.request(e) }

func (h *Hook) request(e *Event) *Request {
	media := e.Type
	if media == "" {
		media = "application/json"
	}
	return &Request{
		Hook: h.Path, Path: h.Path, Event: h.event, ID: e.ID, Body: e.Body,
		Header: http.Header{"Content-Type": {media}}, ReceivedAt: e.At,
	}
}
