package rules

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// A condition decides whether a rule fires. An error means that it could not be
// decided, and then it does not.
type condition interface {
	holds(environment) (bool, error)
	reads() *fields // of the payload
	// trace says what holds came to and why; it asks everything anew.
	trace(environment) *Trace
}

func (e *expression) reads() *fields { return &e.fields }

// always is the condition of a rule without one.
type always struct{}

func (always) holds(environment) (bool, error) { return true, nil }
func (always) reads() *fields                  { return &fields{} }

// A rule is a condition and the commands that follow from it.
type rule struct {
	name      string
	when      condition
	asks      string    // when as the file has it; "" for always
	script    string    // string form of run
	argv      []value   // list form of run
	http      *httpCall // nil: it calls nobody
	acts      bool      // it runs something, or calls somebody
	ownStatus bool      // its status is not that of the defaults
	ruleSettings
}

// A ruleForm reads one rule after the other at the same place, so that what rules
// may say is spelt out once for all of them.
type ruleForm struct {
	rule
	all []setting
}

func (c *compiler) ruleForm() *ruleForm {
	if c.rule == nil {
		c.rule = &ruleForm{}
		c.rule.all = c.rule.settings()
	}
	return c.rule
}

func (c *compiler) readRule(name string, n node) *rule {
	form := c.ruleForm()
	r := &form.rule
	*r = rule{name: name, when: always{}, ruleSettings: c.defaults}
	if r.dir == "" {
		r.dir = n.file.folder()
	}
	r.notices, r.status = nil, nil
	n.mapping(form.all...)
	r.ownStatus = r.status != nil
	r.checkPolicies(n)
	switch {
	case r.acts:
		if r.notices == nil {
			r.notices = c.defaults.notices
		}
		if r.status == nil {
			r.status = c.defaults.status
		}
		r.checkStatus(n)
	case len(r.notices) > 0 || r.ownStatus:
		r.checkAlone(n, c.defaults.approve)
	case n.Kind == yaml.MappingNode:
		n.problem("does nothing; write run: and what to run, http: and whom to call, notify: and who is told, or status: and where")
	}
	read := *r
	return &read
}

// checkStatus refuses a state that is said beforehand of what a run will come to.
func (r *rule) checkStatus(n node) {
	if r.status != nil && r.status.state != "" {
		n.problem("status: how the run ends is the state of the commit; leave state out")
	}
}

// settings are those of a rule.
func (r *rule) settings() []setting {
	own := []setting{
		{"name", names.do(func(string) {}), "told apart by it in lists and logs", "`rule-1`, `rule-2`, …"},
		{"when", conditions.do(func(compiled *expression) {
			if compiled != nil {
				r.when, r.asks = compiled, compiled.source
			}
		}), "condition", "always"},
		{"run", form{func(n node) { r.acts = true; r.readRun(n) }, runSchema}, "what to run: a text is a shell script; a list is started directly, without a shell", "nothing"},
		{"http", httpCalls.do(func(h *httpCall) { r.acts, r.http = true, h }), "whom to call", "nobody"},
	}
	return append(own, r.ruleSettings.settings()...)
}

var names = kind[string]{func(n node) string { s, _ := n.scalar(); return s }, aText("text")}

func runSchema() *schema {
	script := aText("")()
	script.Not = &schema{Type: []string{"string"}, Pattern: `\{\{`}
	return either("script, or list of texts with {{ values }}", script, listOf(values.schema()))()
}

func (r *rule) readRun(n node) {
	if n.Kind != yaml.SequenceNode {
		r.script = n.script()
		return
	}
	for _, e := range n.list() {
		r.argv = append(r.argv, e.value())
	}
	if len(r.argv) == 0 {
		n.problem("is an empty list; write the program and its arguments: [terraform, apply]")
	}
}

// script reads shell text. A payload never becomes code, so it may hold no
// values: those go through the environment.
func (n node) script() string {
	s, ok := n.scalar()
	if !ok {
		return ""
	}
	if at := strings.Index(s, "{{"); at >= 0 {
		what := "{{ … }}"
		if source, err := untilClose(s[at+2:]); err == nil {
			what = "{{" + source + "}}"
		}
		n.problemBehind(s[:at], "a value in shell text could be run as a command. Set it in env, as in env: {VALUE: %q}, and write \"$VALUE\" here; or use the list form, run: [program, %q], which needs no shell", what, what)
	}
	if at := shellReference.FindStringIndex(s); at != nil {
		ref := s[at[0]:at[1]]
		n.problemBehind(s[:at[0]], "%s is not read in shell text. Set it in env, as in env: {SECRET: %q}, and write \"$SECRET\" here", ref, ref)
	}
	return s
}
