package rules

import (
	"fmt"

	"gopkg.in/yaml.v3"
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

// pace is a throttle or a debounce, whose key may hold values.
type pace struct {
	throttle Throttle
	debounce Debounce
	by       value
}

func (p *pace) throttleSettings() []setting {
	return []setting{
		{"every", durations.to(&p.throttle.Every), "how long no other event of the key runs", mustBe},
		{"by", keys.to(&p.by), "the key by which events are told apart", "all are one"},
	}
}

func (p *pace) debounceSettings() []setting {
	return []setting{
		{"quiet", durations.to(&p.debounce.Quiet), "how long there must be no other event of the key", mustBe},
		{"max", durations.to(&p.debounce.Max), "but no longer after the first", "ten times `quiet`"},
		{"by", keys.to(&p.by), "the key by which events are told apart", "all are one"},
	}
}

func readThrottle(n node) *pace {
	p := &pace{}
	n.mapping(p.throttleSettings()...)
	if n.Kind == yaml.MappingNode && p.throttle.Every == 0 {
		n.problem("must say how often, as in every: 1h")
	}
	return p
}

func readDebounce(n node) *pace {
	p := &pace{}
	n.mapping(p.debounceSettings()...)
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

var (
	throttles = kind[*pace]{readThrottle, func() *schema { return mappingOf((&pace{}).throttleSettings()...) }}
	debounces = kind[*pace]{readDebounce, func() *schema { return mappingOf((&pace{}).debounceSettings()...) }}
)
