package watch

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A site is one website of a check.
type site struct {
	watcher *Watcher
	watch   *rules.Watch
	target  rules.Target

	known    siteState
	lookedAt time.Time // or when it began
	wait     time.Duration
	error    string // of the last look
}

// siteState is what has to be known of a website to tell what changes. One that
// was never looked at is taken for up.
type siteState struct {
	Begun    bool      `json:"begun"`
	Down     bool      `json:"down"`
	Since    time.Time `json:"since"`              // when it became what it is: the first of the looks that say so
	Failures int       `json:"failures,omitempty"` // looks in a row that failed
	FailedAt time.Time `json:"failed_at,omitzero"` // the first of them
	Goods    int       `json:"goods,omitempty"`    // good ones in a row while it is down
	GoodAt   time.Time `json:"good_at,omitzero"`   // the first of them

	ValidUntil time.Time `json:"valid_until,omitzero"` // the certificate that was seen last
}

func (s *site) key() string      { return s.target.Key }
func (s *site) identity() string { return rules.CheckEvent }
func (s *site) state() any       { return &s.known }

// begin spreads the first looks after a start.
func (s *site) begin(at time.Time, _ bool, before source) {
	if was, ok := before.(*site); ok {
		s.lookedAt, s.wait, s.error = was.lookedAt, min(was.wait, s.watch.Every), was.error
		return
	}
	s.lookedAt, s.wait = at, s.watcher.spread(min(s.watch.Every, 3*time.Second))
}

func (s *site) next(at time.Time) time.Time {
	if s.lookedAt.After(at) { // the clock was set back
		s.lookedAt = at
	}
	return s.lookedAt.Add(s.wait)
}

func (s *site) look(ctx context.Context, at time.Time) ([]rules.Event, error) {
	seen := s.watcher.visit(ctx, s.watch.Check, s.target)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// A twentieth more or less, so that those drift apart that began together.
	s.lookedAt, s.wait, s.error = at, s.watch.Every*39/40+s.watcher.spread(s.watch.Every/20), seen.failure
	if !seen.validUntil.IsZero() {
		s.known.ValidUntil = seen.validUntil.UTC()
	}
	first := !s.known.Begun
	changed, downFor := s.known.after(seen.failure == "", at, s.watch.Check.Repeats)
	if changed {
		s.logChange(downFor)
	}
	return []rules.Event{s.event(at, seen, changed, first, downFor)}, nil
}

// after takes in one look. downFor is how long it has been down, or was when it
// has come up with this look; negative if it was not.
func (k *siteState) after(good bool, at time.Time, repeats rules.Repeats) (changed bool, downFor time.Duration) {
	if !k.Begun {
		k.Begun, k.Since = true, at
	}
	if good {
		k.Failures, k.FailedAt = 0, time.Time{}
		if !k.Down {
			return false, -1
		}
		if k.Goods++; k.Goods == 1 {
			k.GoodAt = at
		}
		if k.Goods < repeats.Up {
			return false, at.Sub(k.Since)
		}
		downFor = k.GoodAt.Sub(k.Since)
		*k = siteState{Begun: true, Since: k.GoodAt, ValidUntil: k.ValidUntil}
		return true, downFor
	}
	if k.Failures++; k.Failures == 1 {
		k.FailedAt = at
	}
	k.Goods, k.GoodAt = 0, time.Time{}
	if !k.Down && k.Failures < repeats.Down {
		return false, -1
	}
	if changed = !k.Down; changed {
		k.Down, k.Since = true, k.FailedAt
	}
	return changed, at.Sub(k.Since)
}

func (s *site) event(at time.Time, seen visit, changed, first bool, downFor time.Duration) rules.Event {
	p := rules.CheckPayload{
		Watch: s.watch.Name, URL: s.target.Shown, Up: !s.known.Down, Changed: changed, Code: seen.code, LatencyMS: seen.latency.Milliseconds(),
		Error: seen.failure, Failures: s.known.Failures, CertificateDays: daysUntil(s.known.ValidUntil, at), Since: s.known.Since, Time: at,
	}
	if downFor >= 0 {
		text := spell(downFor)
		p.DownFor = &text
	}
	what := "look"
	switch {
	case changed && p.Up:
		what = "up"
	case changed:
		what = "down"
	}
	return rules.Event{ID: idOf(s.target, what, at), At: at, Body: encode(p), Routine: !changed && !first}
}

func (s *site) logChange(downFor time.Duration) {
	if s.known.Down {
		s.watcher.Log.Warn("a website is down", "watch", s.watch.Name, "url", s.target.Shown, "error", s.error)
		return
	}
	s.watcher.Log.Info("a website is up again", "watch", s.watch.Name, "url", s.target.Shown, "down_for", spell(downFor))
}

func (s *site) show(to *Status) {
	to.Kind, to.Of, to.Error = rules.CheckEvent, s.target.Shown, s.error
	if s.known.Begun {
		to.State, to.Since = "up", timeOrNil(s.known.Since)
	}
	if s.known.Down {
		to.State = "down"
	}
}

// idOf makes an event's id of what it is about, what happened and when.
func idOf(t rules.Target, what string, at time.Time) string {
	return t.Key[:8] + " " + what + " " + at.UTC().Format(time.RFC3339Nano)
}

func encode(payload any) []byte {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err) // these are texts, numbers and times
	}
	return body
}
