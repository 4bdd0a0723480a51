package watch

import (
	"context"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A schedule waits for times of the clock.
type schedule struct {
	watcher *Watcher
	watch   *rules.Watch

	known scheduleState
}

// scheduleState is how far it is: the last time that has come, or when it was
// watched first.
type scheduleState struct {
	Last time.Time `json:"last"`
}

const (
	inTime    = time.Minute    // a time that is past by less was not missed: a restart loses none
	mostOfAll = 100            // missed times that have an event each
	setBack   = 25 * time.Hour // of a clock that was wrong
)

func (s *schedule) key() string { return rules.ScheduleEvent }
func (s *schedule) identity() string {
	return s.watch.Schedule.Cron + " " + s.watch.Schedule.Zone.String()
}
func (s *schedule) state() any { return &s.known }

func (s *schedule) begin(at time.Time, known bool, _ source) {
	if !known {
		s.known.Last = at
	}
}

// next goes on behind the last time also where the clock was set back: none comes
// twice. Where it was set back by days it was wrong, and it begins anew.
func (s *schedule) next(at time.Time) time.Time {
	if s.known.Last.Sub(at) > setBack {
		s.known.Last = at
	}
	next := s.watch.Schedule.Next(s.known.Last)
	if next.IsZero() { // none for forty years
		return at.Add(setBack)
	}
	return next
}

func (s *schedule) look(_ context.Context, at time.Time) ([]rules.Event, error) {
	var late, current []time.Time
	lateCount := 0
	next := s.watch.Schedule.Next(s.known.Last)
	for ; !next.IsZero() && !next.After(at); next = s.watch.Schedule.Next(next) {
		s.known.Last = next
		if at.Sub(next) <= inTime {
			current = append(current, next)
			continue
		}
		lateCount++
		if late = append(late, next); len(late) > mostOfAll {
			late = late[1:]
		}
	}
	if lateCount > 0 {
		s.watcher.Log.Warn("a schedule has missed its time", "watch", s.watch.Name, "times", lateCount, "last", late[len(late)-1], "missed", s.watch.Schedule.Missed)
	}
	var events []rules.Event
	switch s.watch.Schedule.Missed {
	case rules.MissedOnce:
		if all := append(late, current...); len(all) > 0 {
			return append(events, s.event(all[len(all)-1], at, lateCount, next)), nil
		}
	case rules.MissedAll:
		for _, when := range late {
			events = append(events, s.event(when, at, 1, next))
		}
	}
	for _, when := range current {
		events = append(events, s.event(when, at, 0, next))
	}
	return events, nil
}

func (s *schedule) event(when, at time.Time, missed int, next time.Time) rules.Event {
	zone := s.watch.Schedule.Zone
	return rules.Event{ID: when.UTC().Format(time.RFC3339), At: at, Body: encode(rules.SchedulePayload{
		Watch: s.watch.Name, Time: at.In(zone), ScheduledAt: when.In(zone), Missed: missed, NextAt: next.In(zone),
	})}
}

func (s *schedule) show(to *Status) {
	to.Kind, to.Of, to.State, to.Since = rules.ScheduleEvent, s.watch.Schedule.Cron, "waiting", timeOrNil(s.known.Last)
}
