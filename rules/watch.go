package rules

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Watch is where events come from that nobody sends: looks at websites, at the
// JSON behind a URL, at the clock, or at a hook that has gone quiet. Its events
// go the way of a hook's: rules, deliveries, runs. It never changes.
type Watch struct {
	// Hook has its rules. The path is "watch/NAME", which no request can ask for.
	*Hook
	Name  string
	Every time.Duration // between two looks; 0 of a schedule

	// What it looks at; one of them is not nil.
	Check    *SiteCheck
	Poll     *Poll
	Schedule *Schedule
	Quiet    *Quiet
}

// What events of a watch are called, as request.event has it.
const (
	CheckEvent    = "check"
	PollEvent     = "poll"
	ScheduleEvent = "schedule"
	QuietEvent    = "quiet"
)

// watchPrefix is what the paths of watches begin with. Those of hooks begin with
// a slash.
const watchPrefix = "watch/"

// IsWatch tells a watch from a hook that senders call.
func (h *Hook) IsWatch() bool { return h.event != "" }

// title names it in messages.
func (h *Hook) title() string {
	if name, ok := strings.CutPrefix(h.Path, watchPrefix); ok {
		return `watch "` + name + `"`
	}
	return `hook "` + h.Path + `"`
}

// watchWithin is how long an event of a watch is known again. Its id tells it from
// all others for good, so this is as long as its delivery is kept.
const watchWithin = Duration(30 * 24 * time.Hour)

// leastEvery bounds how often something is looked at.
const leastEvery = time.Second

var watchName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func (c *compiler) readWatches(n node) {
	for key, value := range n.entries() {
		where := `watch "` + key.Value + `"`
		key, value = key.in(where), value.in(where)
		switch {
		case !watchName.MatchString(key.Value):
			key.problem("%q: a name is made of letters, digits, and _ . - behind the first", key.Value)
		case slices.ContainsFunc(c.watches, func(w *Watch) bool { return w.Name == key.Value }):
			key.problem("the name stands in another file already")
		default:
			c.readWatch(key, value)
		}
	}
}

func (c *compiler) readWatch(key, n node) {
	h := &Hook{Path: watchPrefix + key.Value, Methods: []string{""}, maxBody: c.server.MaxBody, need: &fields{}, dedupe: dedupe{within: watchWithin}}
	w := &Watch{Hook: h, Name: key.Value}
	var every Duration
	seen := map[string]node{}
	settings := c.watchSettings(w, &every)
	for i, s := range settings {
		read := s.form.read
		settings[i].form.read = func(n node) { seen[s.name] = n; read(n) }
	}
	n.mapping(settings...)
	c.watches = append(c.watches, w)
	if n.Kind != yaml.MappingNode {
		return
	}
	w.settle(key, every, seen)
	h.need.merge(h.dedupe.by.fields())
}

// MaxBody is how large a body may be of which an event is made, in bytes.
func (w *Watch) MaxBody() int64 { return w.maxBody }

// settle sees to it that the settings make sense together.
func (w *Watch) settle(key node, every Duration, seen map[string]node) {
	var kinds []string
	for _, kind := range []string{CheckEvent, PollEvent, ScheduleEvent, QuietEvent} {
		if _, ok := seen[kind]; ok {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 {
		what := "says nothing of what is watched"
		if len(kinds) > 1 {
			what = "says " + strings.Join(kinds, " and ")
		}
		key.problem("%s; write one of check, poll, schedule and quiet", what)
		return
	}
	if _, ok := seen["rules"]; !ok {
		key.problem("has no rules; it would never do anything")
	}
	w.Hook.event = kinds[0]
	if w.Poll != nil {
		w.Poll.hook = w.Hook
	}
	w.Every = time.Duration(every)
	at, set := seen["every"]
	switch {
	case set && w.Schedule != nil:
		at.problem("a schedule says itself when it is time; leave every out")
	case set && every > 0 && w.Every < leastEvery:
		at.problem("%s is too often; write 1s or more", at.Value)
	case !set && w.Poll != nil:
		w.Every = 10 * time.Minute
	case !set && w.Schedule == nil:
		w.Every = time.Minute
	}
}

// watchSettings are those of a watch. What its rules are is read as a hook's.
func (c *compiler) watchSettings(w *Watch, every *Duration) []setting {
	h := w.Hook
	return []setting{
		{"check", checks.to(&w.Check).as(`check: {urls: ["https://example.com"]}`), "websites are looked at; each look is an event", ""},
		{"poll", polls.to(&w.Poll).as(`poll: {url: "https://example.com/data.json"}`), "a URL is asked for JSON; what has changed is an event", ""},
		{"schedule", schedules.to(&w.Schedule), "it is an event that it is time", ""},
		{"quiet", quiets.to(&w.Quiet).as("quiet: {hook: /backup, for: 26h}"), "it is an event that a hook has had none for too long, and that it has one again", ""},
		{"every", durations.to(every), "how often it is looked at; not for `schedule`", "`1m`; of `poll` `10m`"},
		{"rules", form{func(n node) { c.readRules(h, n) }, rulesSchema}.as(rulesExample), "as those of a hook: what to do, in order; all that match fire", mustBe},
		{"first_match", booleans.to(&h.firstMatch), "stop at the first rule that fires", "`false`"},
		{"paused", booleans.to(&h.Paused), "it is looked at and runs are queued, and nothing begins", "`false`"},
		{"dedupe", dedupes.to(&h.dedupe), "as that of a hook: how an event is known that came before, or `off`", "by its own id, within `30d`"},
	}
}

func watchesSchema() *schema {
	s := namedOf(&schema{Pattern: watchName.String()}, mappingOf((&compiler{}).watchSettings(&Watch{Hook: &Hook{}}, new(Duration))...))
	s.MinProperties = 1
	return s
}

// checkQuiets looks whether what is to be quiet is there at all; it may stand in
// another file.
func (c *compiler) checkQuiets(s *Set) {
	for _, w := range c.watches {
		if w.Quiet == nil || w.Quiet.Hook == "" {
			continue
		}
		hook := s.Hook(w.Quiet.Hook)
		switch {
		case hook == nil:
			w.Quiet.at.problem("there is no %s; write the path of a hook as it stands under hooks, or watch/NAME%s", w.Quiet.Hook, didYouMean(w.Quiet.Hook, s.paths()))
		case w.Quiet.Rule != "" && !slices.Contains(hook.Rules(), w.Quiet.Rule):
			w.Quiet.at.problem("%s has no rule %q%s", w.Quiet.Hook, w.Quiet.Rule, didYouMean(w.Quiet.Rule, hook.Rules()))
		}
	}
}
