package rules

import "fmt"

// watch looks at what is watched as at a hook. What the payloads are is known but
// for those that a poll brings.
func (l *linter) watch(key, n node) {
	set := settingsOf(n)
	s := &scope{}
	for event, known := range watchSamples() {
		if _, ok := set[event]; ok {
			s.provider = known
		}
	}
	for _, name := range []string{PollEvent, CheckEvent} {
		if below, ok := set[name]; ok {
			l.secretFiles(below)
		}
	}
	if _, ok := set["dedupe"]; ok {
		l.again(s, set)
	}
	var rules []*lintedRule
	for i, e := range elementsOf(set["rules"]) {
		name := nameOf(e, fmt.Sprintf("rule-%d", i+1))
		rules = append(rules, l.rule(s, e.in(key.where+`, rule "`+name+`"`), name))
	}
	if first, ok := set["first_match"]; ok && first.boolean() {
		l.unreachable(rules)
	}
}
