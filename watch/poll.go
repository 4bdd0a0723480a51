package watch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// A poll asks a URL for what becomes a payload.
type poll struct {
	watcher *Watcher
	watch   *rules.Watch

	known pollState
	error string // of the last look
}

// pollState is what has to be known of a URL to tell what is new.
type pollState struct {
	LookedAt  time.Time `json:"looked_at,omitzero"`
	NotBefore time.Time `json:"not_before,omitzero"` // as the server has asked
	ETag      string    `json:"etag,omitempty"`
	Modified  string    `json:"modified,omitempty"`  // its Last-Modified
	Begun     bool      `json:"begun,omitempty"`     // it was read once
	Mark      string    `json:"mark,omitempty"`      // of what it was then
	ChangedAt time.Time `json:"changed_at,omitzero"` // when that was new
	Seen      []string  `json:"seen,omitempty"`      // marks of items: first those of the list, then those that have left it
}

// keptItems is how many items are known that have left the list: some lists lose
// one and have it again.
const keptItems = 5000

func (p *poll) key() string      { return rules.PollEvent }
func (p *poll) identity() string { return p.watch.Poll.Identity() }
func (p *poll) state() any       { return &p.known }

// begin knows after a reload that a failure was told of.
func (p *poll) begin(_ time.Time, _ bool, before source) {
	if was, ok := before.(*poll); ok {
		p.error = was.error
	}
}

// next is its time also over a restart: others count how often they are asked.
func (p *poll) next(at time.Time) time.Time {
	k := &p.known
	if k.LookedAt.IsZero() {
		return at
	}
	if k.LookedAt.After(at) || k.NotBefore.Sub(at) > longestWait { // the clock was set back
		k.LookedAt, k.NotBefore = at, time.Time{}
	}
	next := k.LookedAt.Add(p.watch.Every)
	if next.Before(k.NotBefore) {
		next = k.NotBefore
	}
	return next
}

const longestWait = 24 * time.Hour // outbound.RetryAfter is never more

func (p *poll) look(ctx context.Context, at time.Time) ([]rules.Event, error) {
	before := p.error
	events, err := p.fetch(ctx, at)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.known.LookedAt, p.error = at, ""
	if err != nil {
		p.error = err.Error()
	}
	switch {
	case p.error != "" && before == "":
		p.watcher.Log.Warn("a poll fails", "watch", p.watch.Name, "url", p.watch.Poll.Shown, "error", p.error)
	case p.error == "" && before != "":
		p.watcher.Log.Info("a poll works again", "watch", p.watch.Name, "url", p.watch.Poll.Shown)
	}
	return events, nil
}

// fetch asks, and makes events of what is new. After an error nothing of the state
// has changed but what the server asks of us.
func (p *poll) fetch(ctx context.Context, at time.Time) ([]rules.Event, error) {
	a, _, err := p.watcher.ask(ctx, http.MethodGet, p.watch.Poll.Target, p.headers(), p.watch.Poll.Timeout,
		outbound.Policy{Private: true, Redirects: maxRedirects, Limit: p.watch.MaxBody()})
	if err != nil {
		return nil, fmt.Errorf("%s", explain(err, p.watch.Poll.Timeout, at))
	}
	p.known.NotBefore = time.Time{}
	switch {
	case a.Status == http.StatusNotModified && p.known.Begun:
		return nil, nil
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
		if wait := outbound.RetryAfter(a.Header, at); wait > 0 {
			p.known.NotBefore = at.Add(wait)
		}
	}
	switch {
	case a.Status < 200 || a.Status > 299:
		return nil, fmt.Errorf("%s", strings.TrimSpace(fmt.Sprintf("answered %d %s", a.Status, http.StatusText(a.Status))))
	case a.Cut:
		return nil, fmt.Errorf("the answer is larger than %d bytes (server.max_body)", p.watch.MaxBody())
	case len(a.Body) == 0:
		return nil, fmt.Errorf("answered %d with nothing in it", a.Status)
	}
	e := rules.Event{At: at, Type: p.watch.Poll.Type(a.Header), Body: a.Body}
	var events []rules.Event
	if p.watch.Poll.HasItems() {
		events, err = p.newItems(e)
	} else {
		events, err = p.change(e)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer (%s) cannot be used: %w", cmp.Or(a.Header.Get("Content-Type"), "without a Content-Type"), err)
	}
	p.known.Begun, p.known.ETag, p.known.Modified = true, a.Header.Get("Etag"), a.Header.Get("Last-Modified")
	return events, nil
}

// headers are those of the file and, where what is the same need not be sent, by
// what it is known.
func (p *poll) headers() []rules.Header {
	list := slices.Clone(p.watch.Poll.Headers)
	named := func(name string) bool {
		return slices.ContainsFunc(list, func(h rules.Header) bool { return strings.EqualFold(h.Name, name) })
	}
	if !named("Accept") {
		list = append(list, rules.Header{Name: "Accept", Value: "application/json, */*;q=0.5"})
	}
	if p.watch.Poll.Each {
		return list
	}
	if p.known.ETag != "" {
		list = append(list, rules.Header{Name: "If-None-Match", Value: rules.Secret(p.known.ETag)})
	}
	if p.known.Modified != "" {
		list = append(list, rules.Header{Name: "If-Modified-Since", Value: rules.Secret(p.known.Modified)})
	}
	return list
}

// change is the payload as a whole, if it is new or each look counts.
func (p *poll) change(e rules.Event) ([]rules.Event, error) {
	text, err := p.watch.Poll.Mark(&e)
	if err != nil {
		return nil, err
	}
	mark := markOf(text)
	first, same := !p.known.Begun, p.known.Begun && mark == p.known.Mark
	switch {
	case same && !p.watch.Poll.Each:
		return nil, nil
	case same:
		e.ID, e.Routine = idOf(p.watch.Poll.Target, "look", e.At), true
		return []rules.Event{e}, nil
	}
	p.known.Mark, p.known.ChangedAt = mark, e.At
	if first && !p.watch.Poll.First {
		return nil, nil
	}
	e.ID = idOf(p.watch.Poll.Target, "changed", e.At)
	return []rules.Event{e}, nil
}

// newItems are an event each.
func (p *poll) newItems(e rules.Event) ([]rules.Event, error) {
	items, err := p.watch.Poll.Items(&e)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(p.known.Seen))
	for _, mark := range p.known.Seen {
		known[mark] = true
	}
	there := map[string]bool{}
	var events []rules.Event
	var seen []string
	for _, item := range items {
		mark := markOf(item.ID)
		if there[mark] {
			continue
		}
		there[mark], seen = true, append(seen, mark)
		if !known[mark] && (p.known.Begun || p.watch.Poll.First) {
			events = append(events, rules.Event{ID: p.watch.Poll.Key[:8] + " " + item.ID, At: e.At, Body: item.Body})
		}
	}
	if len(events) > 0 {
		p.known.ChangedAt = e.At
	}
	left := slices.DeleteFunc(slices.Clone(p.known.Seen), func(mark string) bool { return there[mark] })
	p.known.Seen = append(seen, left[:min(len(left), keptItems)]...)
	return events, nil
}

// markOf tells a text from others, in 16 characters.
func markOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (p *poll) show(to *Status) {
	to.Kind, to.Of, to.Error, to.Since = rules.PollEvent, p.watch.Poll.Shown, p.error, timeOrNil(p.known.ChangedAt)
	switch {
	case p.error != "":
		to.State = "failing"
	case p.known.Begun:
		to.State = "ok"
	}
}
