package rules

import (
	"fmt"
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

// A rule is a condition and the command that follows from it.
type rule struct {
	name   string
	when   condition
	asks   string  // when as the file has it; "" for always
	script string  // string form of run
	argv   []value // list form of run
	ruleSettings
}

func (c *compiler) readRule(name string, n node) *rule {
	r := &rule{name: name, when: always{}, ruleSettings: c.defaults}
	if r.dir == "" {
		r.dir = n.file.folder()
	}
	acts := false
	n.mapping(r.settings(&acts)...)
	r.checkPolicies(n)
	if !acts && n.Kind == yaml.MappingNode {
		n.problem("does nothing; write run: and what to run")
	}
	return r
}

// settings are those of a rule. acts becomes true if it does something.
func (r *rule) settings(acts *bool) []setting {
	own := []setting{
		{"name", names.do(func(string) {}), "told apart by it in lists and logs", "`rule-1`, `rule-2`, …"},
		{"when", conditions.do(func(compiled *expression) {
			if compiled != nil {
				r.when, r.asks = compiled, compiled.source
			}
		}), "condition", "always"},
		{"run", form{func(n node) { *acts = true; r.readRun(n) }, runSchema}, "what to run: a text is a shell script; a list is started directly, without a shell", mustBe},
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

// command fills in the values of a rule that fires.
func (r *rule) command(env environment) (*Command, error) {
	cmd := &Command{
		Script: r.script, Dir: r.dir, NoStdin: r.noStdin, Timeout: r.timeout, Grace: r.grace,
		OutputLimit: r.outputLimit, Limits: r.limits, User: r.user, OnInterrupt: r.onInterrupt, Retry: r.retry,
		Approve: r.approve, LoopLimit: r.loopLimit,
	}
	if r.concurrency != nil {
		var err error
		if cmd.Concurrency, err = r.concurrency.of(env, r.name); err != nil {
			return nil, err
		}
	}
	if err := r.throttle.fill(cmd, env); err != nil {
		return nil, fmt.Errorf("throttle: %w", err)
	}
	if err := r.debounce.fill(cmd, env); err != nil {
		return nil, fmt.Errorf("debounce: %w", err)
	}
	if r.script != "" {
		cmd.Shell = r.shell
	}
	for i, v := range r.argv {
		text, err := v.text(env)
		if err != nil {
			return nil, fmt.Errorf("run, argument %d: %w", i, err)
		}
		cmd.Argv = append(cmd.Argv, text)
	}
	for _, e := range r.env {
		text, err := e.value.text(env)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", e.name, err)
		}
		cmd.Env = append(cmd.Env, EnvVar{Name: e.name, Value: text})
	}
	return cmd, nil
}

// fields is what the rule reads of the payload.
func (r *rule) fields() *fields {
	all := &fields{}
	all.merge(r.when.reads())
	for _, v := range r.argv {
		all.merge(v.fields())
	}
	for _, e := range r.env {
		all.merge(e.value.fields())
	}
	if r.concurrency != nil {
		all.merge(r.concurrency.group.fields())
	}
	for _, p := range []*pace{r.throttle, r.debounce} {
		if p != nil {
			all.merge(p.by.fields())
		}
	}
	return all
}
