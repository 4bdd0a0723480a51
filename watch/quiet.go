package watch

import (
	"context"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A quiet watches whether a hook has events.
type quiet struct {
	watcher *Watcher
	watch   *rules.Watch

	known    quietState
	lookedAt time.Time // or when it began
	looked   bool      // since it began
}

// quietState is since when a hook is quiet.
type quietState struct {
	Since  time.Time `json:"since"`            // its last event, or when it was watched first
	LastAt time.Time `json:"last_at,omitzero"` // its last event
	Quiet  bool      `json:"quiet,omitempty"`  // for too long, and that was told
}

// behind is how far back it looks for events that were on disk only after it had
// looked.
const behind = 10 * time.Minute

func (q *quiet) key() string      { return rules.QuietEvent }
func (q *quiet) identity() string { return q.watch.Quiet.Hook + " " + q.watch.Quiet.Rule }
func (q *quiet) state() any       { return &q.known }

// begin gives those who send one time to be heard that could not be while the
// server was away. With a reload it was not.
func (q *quiet) begin(at time.Time, known bool, before source) {
	q.lookedAt = at
	if was, ok := before.(*quiet); ok {
		q.lookedAt = was.lookedAt
	}
	if !known {
		q.known.Since = at
	}
}

func (q *quiet) next(at time.Time) time.Time {
	if q.lookedAt.After(at) { // the clock was set back
		q.lookedAt = at
	}
	next := q.lookedAt.Add(q.watch.Every)
	if due := q.known.Since.Add(q.watch.Quiet.For); !q.known.Quiet && due.After(q.lookedAt) {
		next = earlier(next, due)
	}
	return next
}

func (q *quiet) look(ctx context.Context, at time.Time) ([]rules.Event, error) {
	if q.known.Since.After(at) { // the clock was set back
		q.known.Since, q.known.LastAt = at, earlier(q.known.LastAt, at)
	}
	from := at.Add(-q.watch.Quiet.For)
	if q.looked {
		from = q.lookedAt.Add(-behind)
	}
	if from.Before(q.known.LastAt) {
		from = q.known.LastAt
	}
	last, err := q.watcher.Store.LastEvent(ctx, q.watch.Quiet.Hook, q.watch.Quiet.Rule, from)
	if err != nil {
		return nil, err
	}
	q.lookedAt, q.looked = at, true
	var events []rules.Event
	if last.After(q.known.LastAt) {
		if q.known.Quiet {
			events = append(events, q.event(at, false, last.Sub(q.known.Since), last))
			q.watcher.Log.Info("a hook is quiet no longer", "watch", q.watch.Name, "of", q.watch.Quiet.Hook)
		}
		q.known.Quiet, q.known.LastAt, q.known.Since = false, last, last
	}
	if silent := at.Sub(q.known.Since); !q.known.Quiet && silent >= q.watch.Quiet.For {
		q.known.Quiet = true
		events = append(events, q.event(at, true, silent, q.known.LastAt))
		q.watcher.Log.Warn("a hook has been quiet for too long", "watch", q.watch.Name, "of", q.watch.Quiet.Hook, "quiet_for", spell(silent))
	}
	return events, nil
}

func (q *quiet) event(at time.Time, isQuiet bool, silent time.Duration, last time.Time) rules.Event {
	what := "back"
	if isQuiet {
		what = "quiet"
	}
	return rules.Event{ID: what + " " + at.Format(time.RFC3339Nano), At: at, Body: encode(rules.QuietPayload{
		Watch: q.watch.Name, Hook: q.watch.Quiet.Hook, Rule: q.watch.Quiet.Rule,
		Quiet: isQuiet, QuietFor: spell(silent), LastAt: timeOrNil(last), Time: at,
	})}
}

func (q *quiet) show(to *Status) {
	to.Kind, to.Of, to.State, to.Since = rules.QuietEvent, q.watch.Quiet.Hook, "heard", timeOrNil(q.known.LastAt)
	if q.watch.Quiet.Rule != "" {
		to.Of += " " + q.watch.Quiet.Rule
	}
	if q.known.Quiet {
		to.State, to.Since = "quiet", timeOrNil(q.known.Since)
	}
}
