package rules

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Quiet is a hook, or a rule of it, that is expected to have an event from time
// to time.
type Quiet struct {
	Hook string // its path, or watch/NAME
	Rule string // "" for any
	For  time.Duration

	at node // where the file names the hook or the rule
}

func readQuiet(n node) *Quiet {
	q := &Quiet{at: n}
	n.mapping(q.settings()...)
	if n.Kind == yaml.MappingNode && (q.Hook == "" || q.For == 0) {
		n.problem("needs a hook and a time, as in {hook: /backup, for: 26h}")
	}
	return q
}

func (q *Quiet) settings() []setting {
	return []setting{
		{"hook", form{func(n node) { q.Hook, q.at = n.hookName(), n }, func() *schema { return like("path, or watch/NAME", "^(/|watch/)")() }}, "the hook, by its path; or a watch", mustBe},
		{"rule", names.to(&q.Rule), "a rule that is to fire; other events of the hook do not count", "any that fires"},
		{"for", durations.do(func(d Duration) { q.For = time.Duration(d) }), "how long it may have none", mustBe},
	}
}

var quiets = kind[*Quiet]{readQuiet, func() *schema { return mappingOf((&Quiet{}).settings()...) }}

// hookName reads a hook's path or a watch's.
func (n node) hookName() string {
	s, ok := n.scalar()
	if ok && !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, watchPrefix) {
		n.problem("%q is neither a hook's path like /github/website nor watch/NAME", s)
		return ""
	}
	return s
}
