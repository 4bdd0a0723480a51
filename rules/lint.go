package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// linter looks at a configuration that has been read, node by node, for what is
// allowed and still not what was meant.
type linter struct {
	samples  Samples   // of what providers send
	known    catalogue // what they have told so far
	failed   error     // why some cannot be read
	report   *Report
	keep     Keep
	defaults settings // of rules
	asUsual  bool     // a hook knows events again for as long as it does unless it says otherwise
}

// settings are the values of a mapping, by their names.
type settings map[string]node

func settingsOf(n node) settings {
	s := settings{}
	for key, value := range n.entries() {
		s[key.Value] = value
	}
	return s
}

// read walks over the files. What is wrong with them is told already, so the
// walk keeps it to itself.
func (l *linter) read(top *topLevel) {
	quiet := &decoder{secrets: map[Reference]verify.Secret{}, asked: map[Reference]bool{}}
	each := func(name string, do func(node)) {
		for _, n := range top.settings[name] {
			n.d = quiet
			do(n)
		}
	}
	each("keep", func(n node) {
		c := compiler{keep: l.keep}
		n.mapping(c.keepSettings()...)
		l.keep = c.keep
	})
	each("defaults", func(n node) { l.defaults = settingsOf(n); l.secretFiles(n); l.pace(n) })
	each("server", l.secretFiles)
	each("state", l.secretFiles)
	each("hooks", func(n node) {
		for key, value := range n.entries() {
			where := `hook "` + key.Value + `"`
			l.hook(key.in(where), value.in(where))
		}
	})
	each("watch", func(n node) {
		for key, value := range n.entries() {
			where := `watch "` + key.Value + `"`
			l.watch(key.in(where), value.in(where))
		}
	})
	each("keep", l.kept)
	l.received(top.d.receiving)
	l.report.Problems = append(l.report.Problems, top.d.doubts...)
}

// warn notes a warning about a node.
func (l *linter) warn(n node, format string, args ...any) {
	l.report.Problems = append(l.report.Problems, placeOf(n).Problem(Warning, format, args...))
}

func (l *linter) hook(key, n node) {
	set := settingsOf(n)
	for _, name := range []string{"verify", "methods"} {
		if below, ok := set[name]; ok {
			l.secretFiles(below)
		}
	}
	l.door(set)
	scope := &scope{provider: l.provider(providerOf(set["verify"])), params: parametersOf(key.Value)}
	l.again(scope, set)
	var rules []*lintedRule
	for i, e := range elementsOf(set["rules"]) {
		name := nameOf(e, fmt.Sprintf("rule-%d", i+1))
		rules = append(rules, l.rule(scope, e.in(key.where+`, rule "`+name+`"`), name))
	}
	if first, ok := set["first_match"]; ok && first.boolean() {
		l.unreachable(rules)
	}
}

// door looks at who can get in, and how.
func (l *linter) door(set settings) {
	if v, ok := set["verify"]; ok && v.Kind == yaml.MappingNode {
		l.written(v, true)
	} else if ok && v.Value == "none" {
		l.warn(v, "everyone who reaches the server can make these rules run, with whatever payload they like; have senders prove who they are, as in verify: {bearer: \"${env:TOKEN}\"}")
	}
	for _, e := range elementsOf(set["methods"]) {
		if e.Value == "GET" || e.Value == "HEAD" {
			l.warn(e, "a link is enough to make these rules run: the preview of a chat, a crawler and a browser follow one that nobody meant to follow; leave %s out where the sender can POST", e.Value)
		}
	}
}

// elementsOf is empty for what is no list.
func elementsOf(n node) []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.list()
}

// providerOf is the preset of a hook's verify, "" if that is none or several.
func providerOf(n node) string {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return ""
	}
	set := settingsOf(n)
	for name := range set {
		if len(set) == 1 {
			return name
		}
	}
	return ""
}

// provider is what the samples tell of a provider, nil if that is nothing. They are
// looked at when it is first asked for.
func (l *linter) provider(name string) *provider {
	if p, learned := l.known[name]; learned || l.samples == nil || name == "" {
		return p
	}
	samples, err := l.samples(name)
	known, cannot := learn(samples)
	l.failed = errors.Join(l.failed, err, cannot)
	l.known[name] = known[name]
	return known[name]
}

// A lintedRule is a rule as far as other rules matter to it.
type lintedRule struct {
	name      string
	node      node // the condition, or the rule where it has none
	verdict   verdict
	conjuncts []string // all of which have to hold
}

func (l *linter) rule(s *scope, n node, name string) *lintedRule {
	set := settingsOf(n)
	r := &lintedRule{name: name, node: n, verdict: alwaysTrue}
	events := anyEvent
	if when, ok := set["when"]; ok {
		r.node, r.verdict = when, undecided
		if t := l.text(when, "", when.Value); t != nil {
			r.verdict, r.conjuncts = l.condition(s, t), conjunctsOf(t.tree)
			events = eventsOf(t.tree)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if name != "when" && name != "name" {
			l.values(s, set[name], events)
			l.secretFiles(set[name])
		}
	}
	l.pace(n)
	if run, ok := set["run"]; ok {
		l.report.Programs = append(l.report.Programs, l.program(n, run, set))
	}
	return r
}

// unreachable tells which rules come too late where the first that fires ends
// it: those whose condition cannot hold unless that of an earlier one does.
func (l *linter) unreachable(rules []*lintedRule) {
	for i, late := range rules {
		for _, early := range rules[:i] {
			if why := early.covers(late); why != "" {
				l.warn(late.node, "this rule is never reached: first_match ends at rule %q in line %d, %s; put this one in front of it, or leave it out",
					early.name, early.node.Line, why)
				break
			}
		}
	}
}

// covers says why a rule fires whenever a later one would, "" if it may not.
func (r *lintedRule) covers(late *lintedRule) string {
	switch {
	case r.verdict == alwaysTrue:
		return "which always fires"
	case r.verdict != undecided || len(r.conjuncts) == 0:
		return ""
	}
	for _, c := range r.conjuncts {
		if !slices.Contains(late.conjuncts, c) {
			return ""
		}
	}
	if len(r.conjuncts) == len(late.conjuncts) {
		return "which has the same condition"
	}
	return "which fires whenever this one would"
}

// pace looks at a throttle's time, which is known from the runs that are kept.
func (l *linter) pace(n node) {
	throttle, ok := settingsOf(n)["throttle"]
	if !ok {
		return
	}
	if every, ok := settingsOf(throttle)["every"]; ok {
		if kept := Duration(l.keep.Runs); every.duration() > kept {
			l.warn(every, "is longer than keep.runs (%s), and an event is forgotten together with its run; write %s or less, or keep: {runs: %s}",
				spellDays(kept), spellDays(kept), every.Value)
		}
	}
}

func spellDays(d Duration) string {
	const day = Duration(24 * 60 * 60 * 1e9)
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text, _ := d.MarshalText()
	return string(text)
}
