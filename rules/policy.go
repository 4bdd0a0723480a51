package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"
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
	n.mapping(c.settings()...)
	return c
}

func (c *concurrency) settings() []setting {
	return []setting{
		{"group", keys.to(&c.group), "its name; rules and hooks with the same one share the group", "the rule by itself"},
		{"limit", counts.to(&c.limit), "of its runs at once", "`1`"},
		{"busy", busies.to(&c.busy), "what becomes of a run that finds its group at the limit", "`queue`"},
	}
}

var (
	busies        = oneOf(Queue, Skip, Replace, Latest)
	concurrencies = kind[*concurrency]{readConcurrency, func() *schema { return mappingOf((&concurrency{}).settings()...) }}
	retries       = kind[*Retry]{readRetry, func() *schema { return mappingOf((&Retry{}).settings()...) }}
)

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
	n.mapping(r.settings()...)
	r.MaxDelay = max(r.MaxDelay, r.Delay)
	return r
}

// orNil is nil for one that never tries again.
func (r *Retry) orNil() *Retry {
	if r == nil || r.Attempts == 1 {
		return nil
	}
	return r
}

func (r *Retry) settings() []setting {
	return []setting{
		{"attempts", counts.to(&r.Attempts), "how often in all, interruptions not counted; `1` is never again", "`3`"},
		{"delay", durations.to(&r.Delay), "before the second attempt; each later one waits twice as long", "`10s`"},
		{"max_delay", durations.to(&r.MaxDelay), "but no longer", "`10m`"},
		{"on", reasons.to(&r.On), "after what: `failure`, `timeout`, exit codes", "`[failure, timeout]`"},
	}
}

var reasons = kind[[]string]{node.retryReasons, func() *schema {
	s := listOf(&schema{AnyOf: []*schema{
		{Enum: []string{onFailure, onTimeout}}, {Type: []string{"integer", "string"}, Minimum: 1, Pattern: `^[0-9]+$`}}})
	s.Title = "list of failure, timeout and exit codes"
	return s
}}

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
		n.problem("is empty; leave it out for [failure, timeout], or write attempts: 1 in its place for never")
	}
	return reasons
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
