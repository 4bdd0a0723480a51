package rules

import (
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// ruleSettings are what a rule says or the defaults say for it.
type ruleSettings struct {
	dir         string
	env         []envSetting
	noStdin     bool
	shell       []string
	timeout     Duration // 0: not said
	grace       Duration
	outputLimit int64
	limits      Limits
	user        string // "": the server's own
	onInterrupt OnInterrupt
	concurrency *concurrency // nil: only the bound on all runs
	retry       *Retry       // nil: not said, which is never but for http
	throttle    *pace        // nil: each event counts
	debounce    *pace        // nil: at once
	approve     bool
	loopLimit   int             // 0: none
	notices     []noticeSetting // who is told what becomes of a run
	status      *status         // nil: no commit has one
}

type envSetting struct {
	name  string
	value value
}

func ruleDefaults() ruleSettings {
	return ruleSettings{
		shell:       []string{"/bin/sh", "-c"},
		grace:       Duration(10 * time.Second),
		outputLimit: 4 << 20,
		onInterrupt: Rerun,
		loopLimit:   10,
	}
}

// settings are those that stand in a rule and in defaults alike.
func (r *ruleSettings) settings() []setting {
	return []setting{
		{"dir", folders.to(&r.dir), "working folder; a relative one starts beside the file", "the file's folder"},
		{"env", form{r.readEnv, envSchema}.as("env: {NAME: value}"), "variables for the script", "none"},
		{"stdin", inputs.do(func(s string) { r.noStdin = s == "none" }), "what the script reads from standard input", "`payload`"},
		{"shell", shells.to(&r.shell), "what takes a script: `bash`, or a list like `[bash, -euo, pipefail, -c]`", "`/bin/sh -c`"},
		{"timeout", durations.to(&r.timeout), "how long a run may take", "`10m`; of `http`, `30s`"},
		{"grace", durations.to(&r.grace), "between TERM and KILL", "`10s`"},
		{"limits", form{func(n node) { n.mapping(r.limitSettings()...) }, func() *schema { return mappingOf(r.limitSettings()...) }}.as("limits: {memory: 512MiB}"), "what a run may use", ""},
		{"user", texts.to(&r.user), "the user as which it runs, by name or number, with its groups and home", "the server's own"},
		{"concurrency", concurrencies.to(&r.concurrency).as("concurrency: {group: website}"), "which runs must not meet", "only `max_running`"},
		{"retry", retries.to(&r.retry).as("retry: {attempts: 3}"), "whether a run that did not succeed is tried again; `{attempts: 1}` is never", "never; of `http`, `{attempts: 5}`"},
		{"throttle", throttles.to(&r.throttle).as("throttle: {every: 3s}"), "the first event runs, the rest of the time none of the same key does", "each event"},
		{"debounce", debounces.to(&r.debounce).as("debounce: {quiet: 3s}"), "of a burst, the last event runs", "at once"},
		{"notify", notices.to(&r.notices).as("notify: [{to: ops}]"), "who is told what becomes of a run; of a rule that runs nothing, who is told of the event", "nobody"},
		{"status", commitStatuses.to(&r.status).as(`status: {github: "${env:GITHUB_TOKEN}"}`), "the status of the commit that the event names: pending when a run begins, and how it ended; of a rule that runs nothing, what is said at once", "none"},
		{"approve", booleans.to(&r.approve), "each run waits until a person says yes or no", "`false`"},
		{"loop_limit", loopLimits.to(&r.loopLimit), "how many runs may lead to a run, each sending the event of the next, or `off`", "`10`"},
		{"on_interrupt", interrupts.to(&r.onInterrupt), "what becomes of a run when the server ends meanwhile", "`rerun`"},
	}
}

// loopLimit is a number, or off, which YAML also spells false.
func (n node) loopLimit() int {
	if n.isOff() {
		return 0
	}
	return n.count()
}

func (r *ruleSettings) limitSettings() []setting {
	return []setting{
		{"memory", sizes.to(&r.limits.Memory), "of all its processes together; beyond it the run is ended", "no limit"},
		{"cpu", processors.to(&r.limits.CPU), "processors, as `1.5` or `150%`; needs control groups", "no limit"},
		{"processes", counts.to(&r.limits.Processes), "at once, with their threads", "no limit"},
		{"output", sizes.to(&r.outputLimit), "of more, the beginning and the end are kept", "`4MiB`"},
	}
}

var (
	inputs     = oneOf("payload", "none")
	interrupts = oneOf(Rerun, Fail)
	loopLimits = kind[int]{node.loopLimit, either("number, or off", counts.schema(), &schema{Enum: []string{"off"}}, &schema{Type: []string{"boolean"}})}
	processors = kind[float64]{node.processors, either("number of processors, as 1.5 or 150%", &schema{Type: []string{"number"}}, like("", `^[0-9.]+\s*%?$`)())}
	shells     = kind[[]string]{node.shell, either("program, or list", aText("")(), listOf(aText("")()))}
)

func envSchema() *schema {
	s := namedOf(&schema{Pattern: envName.String(), Not: &schema{Pattern: "^HOOKTENDER_"}}, &schema{Type: []string{"string", "number", "boolean"}})
	s.Title = "variables, each a text with {{ values }}"
	return s
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readEnv adds to what the defaults set; the same name takes the newer value.
func (r *ruleSettings) readEnv(n node) {
	env := append([]envSetting(nil), r.env...)
	for key, value := range n.entries() {
		name := key.Value
		switch {
		case !envName.MatchString(name):
			key.problem("%q is not a name that a shell can use; write letters, digits and _", name)
		case strings.HasPrefix(name, "HOOKTENDER_"):
			key.problem("%s: names that begin with HOOKTENDER_ are the server's own", name)
		default:
			env = setEnv(env, envSetting{name, value.value()})
		}
	}
	r.env = env
}

func setEnv(env []envSetting, e envSetting) []envSetting {
	for i := range env {
		if env[i].name == e.name {
			env[i] = e
			return env
		}
	}
	return append(env, e)
}

// shell reads the program that takes a script: a name, to which -c is added, or
// a list that says all, as in [bash, -euo, pipefail, -c].
func (n node) shell() []string {
	if n.Kind != yaml.SequenceNode {
		name := n.plain()
		if strings.ContainsAny(name, " \t") {
			n.problem("%q: a shell with options is a list, as in [bash, -euo, pipefail, -c]", name)
		}
		return []string{name, "-c"}
	}
	var argv []string
	for _, e := range n.list() {
		argv = append(argv, e.plain())
	}
	if len(argv) == 0 {
		n.problem("is empty; write bash, or [bash, -euo, pipefail, -c]")
	}
	return argv
}
