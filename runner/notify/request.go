package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/runner"
)

// A request is a message as a service wants it.
type request struct {
	service string // for people: "Discord"
	method  string // "" for POST
	url     string
	header  http.Header
	body    string // JSON
	// read looks at what the answer says beyond its status; nil for nothing.
	read func(*outbound.Answer, *reply)
}

// A reply is what a service's answer comes to.
type reply struct {
	ok    bool
	final bool          // the same message would be refused again
	said  string        // in the service's words
	todo  string        // what a person can do about it; "" if nothing is known
	rest  time.Duration // how long it asks to be left alone
}

const (
	maxAnswer = 64 << 10
	maxSaid   = 300 // characters of a service's words
	// unknownRest is how long a place is left alone that had too much and does not
	// say for how long.
	unknownRest = time.Minute
)

// post sends a request and says what came of it. The place is what the operator
// wrote down, so it may be anywhere; where it sends us on, it is not that place.
func (s *sending) post(ctx context.Context, r *request) error {
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequest(r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return &runner.PerformError{Err: fmt.Errorf("%s: its address is not one", r.service), Final: true}
	}
	if r.header != nil {
		req.Header = r.header
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	answer, err := s.client.Do(ctx, req, outbound.Policy{Private: true, Limit: maxAnswer})
	if err != nil {
		s.say("%s %s: %v\n", r.method, r.service, err)
		return fmt.Errorf("%s: %w", r.service, err)
	}
	s.say("%s %s: %d\n", r.method, r.service, answer.Status)
	reply := byStatus(answer)
	if r.read != nil {
		r.read(answer, reply)
	}
	s.rest = reply.rest
	if reply.ok {
		return nil
	}
	return s.refused(r.service, answer.Status, reply)
}

// byStatus is what the status alone means (RFC 9110, section 15).
func byStatus(a *outbound.Answer) *reply {
	r := &reply{rest: outbound.RetryAfter(a.Header, time.Now())}
	switch {
	case a.Status/100 == 2:
		r.ok = true
	case a.Status == http.StatusTooManyRequests:
	case a.Status == http.StatusRequestTimeout || a.Status == http.StatusTooEarly || a.Status/100 == 5:
	case a.Status/100 == 3:
		r.final, r.todo = true, "it answers with another address; write that one"
	default:
		r.final = true
	}
	return r
}

// refused makes the error of a reply, with the service's own words.
func (s *sending) refused(service string, status int, r *reply) error {
	if status == http.StatusTooManyRequests && r.rest == 0 {
		r.rest = unknownRest
		s.rest = r.rest
	}
	// Masked before it is cut: half of a secret is not found any more.
	said := head(oneLine(s.mask().Text(r.said)), maxSaid, runes)
	text := fmt.Sprintf("%s answered %d", service, status)
	if said != "" {
		text += ": " + said
	}
	if r.todo != "" {
		text += "; " + strings.ReplaceAll(r.todo, "PLACE", "notify: "+s.channel.Name)
	}
	return &runner.PerformError{Err: errors.New(text), Final: r.final && r.rest == 0, After: r.rest}
}

// seconds is a time that a service gave as a number of them, bounded as
// Retry-After is.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), (24*time.Hour).Seconds()) * float64(time.Second))
}
