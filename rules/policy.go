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
		setting{"group", func(n node) { c.group = n.value() }},
		setting{"limit", func(n node) { c.limit = n.count() }},
		setting{"busy", func(n node) {
			c.busy = Busy(n.one(string(Queue), string(Skip), string(Replace), string(Latest)))
		}},
	)
	for _, part := range c.group {
		if part.Ref != "" {
			n.problem("a group is stored and shown, so it cannot hold the secret ${%s}", part.Ref)
		}
	}
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
		group = env.Request.Hook + " " + rule
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
