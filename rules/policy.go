package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Concurrency says which runs must not meet: those of a group. A group may span
// rules and hooks.
type Concurrency struct {
	Group string `json:"group"`
	Limit int    `json:"limit"` // of its runs at once
	Busy  Busy   `json:"busy"`
}

// Busy says what becomes of a run that finds its group busy.
type Busy string

const (
	// Queue: it waits its turn; order is kept.
	Queue Busy = "queue"
	// Skip: it is recorded and dropped.
	Skip Busy = "skip"
	// Replace: what runs is canceled, what waits is dropped, and it takes their
	// place.
	Replace Busy = "replace"
	// Latest: what runs may finish; of those that wait only the newest is kept.
	Latest Busy = "latest"
)

// Throttle lets the first event through and then none of the same key for a
// while.
type Throttle struct {
	Every Duration `json:"every"`
	Key   string   `json:"key"`
}

// Debounce waits until a burst of events of the same key is over, and runs for
// the last of them.
type Debounce struct {
	Quiet Duration `json:"quiet"` // without another event
	Max   Duration `json:"max"`   // but no longer after the first
	Key   string   `json:"key"`
}

// Retry says whether a run that did not succeed is tried again. A script that
// ends with 75 (EX_TEMPFAIL of sysexits.h) asks for it whatever On says.
type Retry struct {
	Attempts int      `json:"attempts"` // in all, interruptions not counted
	Delay    Duration `json:"delay"`    // before the second; each later one waits twice as long
	MaxDelay Duration `json:"max_delay"`
	On       []string `json:"on"` // failure, timeout, exit codes
}

const (
	onFailure = "failure"
	onTimeout = "timeout"

	// TempFail is the exit code by which a script asks to be tried again.
	TempFail = 75
)

// Covers tells whether a run that ended like this is to be tried again: with
// a time-out, with an exit code, or, if that is nil, in another way.
func (r *Retry) Covers(timedOut bool, exitCode *int) bool {
	switch {
	case timedOut:
		return slices.Contains(r.On, onTimeout)
	case slices.Contains(r.On, onFailure):
		return true
	case exitCode == nil:
		return false
	}
	return *exitCode == TempFail || slices.Contains(r.On, strconv.Itoa(*exitCode))
}

// concurrency is the setting, whose group may hold values.
type concurrency struct {
	group value
	limit int
	busy  Busy
}

func readConcurrency(n node) *concurrency {
	c := &concurrency{limit: 1, busy: Queue}
	n.mapping(
		setting{"group", func(n node) { c.group = n.key() }},
		setting{"limit", func(n node) { c.limit = n.count() }},
		setting{"busy", func(n node) {
			c.busy = Busy(n.one(string(Queue), string(Skip), string(Replace), string(Latest)))
		}},
	)
	return c
}

// of fills in the group. Where it comes out empty, the rule is a group by itself.
func (c *concurrency) of(env environment, rule string) (*Concurrency, error) {
	text, err := c.group.text(env)
	if err != nil {
		return nil, fmt.Errorf("concurrency: group: %w", err)
	}
	group := text.String()
	if group == "" {
		group = env.Request.request.Hook + " " + rule
	}
	return &Concurrency{Group: group, Limit: c.limit, Busy: c.busy}, nil
}

func readRetry(n node) *Retry {
	r := &Retry{
		Attempts: 3, Delay: Duration(10 * time.Second), MaxDelay: Duration(10 * time.Minute),
		On: []string{onFailure, onTimeout},
	}
	n.mapping(
		setting{"attempts", func(n node) { r.Attempts = n.count() }},
		setting{"delay", func(n node) { r.Delay = n.duration() }},
		setting{"max_delay", func(n node) { r.MaxDelay = n.duration() }},
		setting{"on", func(n node) { r.On = n.retryReasons() }},
	)
	if n.Kind == yaml.MappingNode && r.Attempts == 1 {
		n.problem("attempts: 1 means never again; leave retry out")
	}
	r.MaxDelay = max(r.MaxDelay, r.Delay)
	return r
}

// retryReasons reads a list of failure, timeout and exit codes.
func (n node) retryReasons() []string {
	var reasons []string
	for _, e := range n.list() {
		s, ok := e.scalar()
		code, err := strconv.Atoi(s)
		known := s == onFailure || s == onTimeout || err == nil && code >= 1 && code <= 255
		if ok && !known {
			e.problem("%q is not one of failure, timeout and the exit codes 1 to 255", s)
		}
		reasons = append(reasons, s)
	}
	if len(reasons) == 0 {
		n.problem("is empty; leave it out for [failure, timeout]")
	}
	return reasons
}

// pace is a throttle or a debounce, whose key may hold values.
type pace struct {
	throttle Throttle
	debounce Debounce
	by       value
}

func readThrottle(n node) *pace {
	p := &pace{}
	n.mapping(
		setting{"every", func(n node) { p.throttle.Every = n.duration() }},
		setting{"by", func(n node) { p.by = n.key() }},
	)
	if n.Kind == yaml.MappingNode && p.throttle.Every == 0 {
		n.problem("must say how often, as in every: 1h")
	}
	return p
}

func readDebounce(n node) *pace {
	p := &pace{}
	n.mapping(
		setting{"quiet", func(n node) { p.debounce.Quiet = n.duration() }},
		setting{"max", func(n node) { p.debounce.Max = n.duration() }},
		setting{"by", func(n node) { p.by = n.key() }},
	)
	switch d := &p.debounce; {
	case n.Kind == yaml.MappingNode && d.Quiet == 0:
		n.problem("must say how long it has to be quiet, as in quiet: 30s")
	case d.Max == 0:
		d.Max = 10 * d.Quiet
	case d.Max < d.Quiet:
		n.problem("max is shorter than quiet, so it would never be waited for")
	}
	return p
}

// key reads a value by which events are told apart. It is stored, so it cannot
// hold a secret.
func (n node) key() value {
	v := n.value()
	for _, part := range v {
		if part.Ref != "" {
			n.problem("it is stored and shown, so it cannot hold the secret ${%s}", part.Ref)
		}
	}
	return v
}

// fill puts the key of an event into a command. A rule without a pace has nil.
func (p *pace) fill(cmd *Command, env environment) error {
	if p == nil {
		return nil
	}
	text, err := p.by.text(env)
	if err != nil {
		return fmt.Errorf("by: %w", err)
	}
	if p.throttle.Every > 0 {
		t := p.throttle
		t.Key = text.String()
		cmd.Throttle = &t
	}
	if p.debounce.Quiet > 0 {
		d := p.debounce
		d.Key = text.String()
		cmd.Debounce = &d
	}
	return nil
}

// checkPolicies refuses settings that contradict each other.
func (r *rule) checkPolicies(n node) {
	if r.throttle != nil && r.debounce != nil {
		n.problem("throttle takes the first of a burst and debounce the last; leave one of them out")
	}
	if r.concurrency == nil {
		return
	}
	busy := r.concurrency.busy
	if r.concurrency.limit > 1 && (busy == Latest || busy == Replace) {
		n.problem("busy: %s leaves one run in the group, so limit cannot be %d; leave it out, or write busy: queue", busy, r.concurrency.limit)
	}
	if r.debounce != nil && (busy == Skip || busy == Replace) {
		n.problem("with debounce a run begins later than its event, so busy: %s has nothing to go by; write busy: latest or queue", busy)
	}
}
