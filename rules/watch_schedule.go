package rules

import (
	"strings"
	"time"

	"github.com/netresearch/go-cron"
	"gopkg.in/yaml.v3"
)

// A Schedule is times of the clock on the wall of a time zone.
type Schedule struct {
	Cron   string
	Zone   *time.Location
	Missed Missed

	spec     *cron.SpecSchedule
	eachHour bool // it counts the hours as they pass, whatever the clock calls them
}

// Missed says what becomes of times at which the server was not there.
type Missed string

const (
	// MissedSkip: nothing.
	MissedSkip Missed = "skip"
	// MissedOnce: one event for all of them.
	MissedOnce Missed = "once"
	// MissedAll: an event each.
	MissedAll Missed = "all"
)

// cronFields are the five of a crontab, and names such as @daily. Where the day of
// the month and that of the week are both given, either will do, as in a crontab.
const cronFields = cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Extended | cron.Descriptor

// longestGap is how many years may lie between two times: the weekday of a leap day.
const longestGap = 40

func readSchedule(n node) *Schedule {
	s := &Schedule{Zone: time.Local, Missed: MissedSkip}
	if n.Kind != yaml.MappingNode {
		s.readCron(n)
		return s
	}
	n.mapping(s.settings()...)
	if s.Cron == "" {
		n.problem("has no cron; write cron: \"0 3 * * *\"")
	}
	return s
}

func (s *Schedule) settings() []setting {
	return []setting{
		{"cron", form{s.readCron, cronSchema}, "minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`", mustBe},
		{"timezone", form{s.readZone, aText("time zone, as in Europe/Berlin")}, "whose clock is meant", "the server's own"},
		{"missed", oneOf(MissedSkip, MissedOnce, MissedAll).to(&s.Missed), "what becomes of times at which the server was not there: nothing, one event, or an event for each of the newest 100", "`skip`"},
	}
}

var schedules = kind[*Schedule]{readSchedule, func() *schema {
	return either("crontab time, or mapping", cronSchema(), mappingOf((&Schedule{}).settings()...))()
}}

func cronSchema() *schema {
	return like("crontab time, as in 0 3 * * *", `^(@[a-z]+|\S+(\s+\S+){4})$`)()
}

func (s *Schedule) readZone(n node) {
	name, ok := n.scalar()
	if !ok {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		n.problem("%q is not a time zone; write Europe/Berlin, America/New_York or UTC", name)
		return
	}
	s.Zone = zone
}

func (s *Schedule) readCron(n node) {
	text, ok := n.scalar()
	if !ok {
		return
	}
	s.Cron = text
	switch {
	case strings.Contains(text, "TZ="):
		n.problem("%q: a time zone is a setting of its own, as in {cron: \"0 3 * * *\", timezone: Europe/Berlin}", text)
		return
	case strings.HasPrefix(text, "@every"):
		n.problem("%q: write it as times, as in \"*/10 * * * *\"", text)
		return
	case strings.HasPrefix(text, "@reboot"):
		n.problem("%q: the start of the server is no time", text)
		return
	}
	parsed, err := cron.MustNewParser(cronFields).WithMaxSearchYears(longestGap).Parse(text)
	spec, ok := parsed.(*cron.SpecSchedule)
	if err != nil || !ok {
		n.problem("%q is not a time as a crontab has it (minute hour day month weekday), such as \"0 3 * * *\"; %v", text, err)
		return
	}
	const allHours = 1<<24 - 1
	s.spec, s.eachHour = spec, spec.Hour&allHours == allHours
	if s.Next(time.Unix(0, 0)).IsZero() {
		n.problem("%q: there is no such day", text)
	}
}

// Next returns the first time behind another, the zero time if there is none.
//
// Where the clock is set forward, a time that it jumps over is the moment of the
// jump. Where it is set back, a time that comes twice counts when it comes first;
// but a schedule of every hour goes on by the hours that pass.
func (s *Schedule) Next(after time.Time) time.Time {
	after = after.In(s.Zone)
	if s.eachHour {
		return s.spec.Next(after)
	}
	for wall := onWall(after); ; {
		wall = s.spec.Next(wall)
		if wall.IsZero() {
			return wall
		}
		if at := s.when(wall); at.After(after) {
			return at
		}
	}
}

// onWall is what the clock shows, as a time of a zone in which it is never set.
func onWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// when is the first time at which the clock shows this, or jumps over it.
func (s *Schedule) when(wall time.Time) time.Time {
	_, offset := wall.Add(-24 * time.Hour).In(s.Zone).Zone() // before any change around it
	before := wall.Add(-time.Duration(offset) * time.Second).In(s.Zone)
	if onWall(before).Equal(wall) {
		return before
	}
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, s.Zone)
	if onWall(at).Equal(wall) {
		return at
	}
	jump, _ := before.ZoneBounds()
	return jump
}
