package rules

import (
	"encoding/json"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// caseVerdicts are those that a request by itself can have.
var caseVerdicts = []Verdict{Accepted, Ignored, Rejected, Errored}

func (c *Case) readExpect(n node) {
	n.mapping(c.Expect.settings()...)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		n.problem("is empty; write what is to become of it, as in {rules: [redeploy]}")
	}
	for _, run := range c.Expect.Run {
		if rules := c.Expect.Rules; rules != nil && !slices.Contains(rules, run.Rule) {
			n.problem("run says what %q runs, but it is not among the rules that are to fire", run.Rule)
		}
	}
}

func (e *Expectation) settings() []setting {
	return []setting{
		{"rules", form{e.readRules, func() *schema { s := listOf(aText("name")()); s.MinItems = 0; return s }}, "names of the rules that fire, all of them and in their order; `[]` for none", ""},
		{"run", form{e.readRun, func() *schema { return namedOf(aText("")(), mappingOf((&ExpectedRun{}).settings()...)) }}, "by rules' names, what they run", ""},
		{"verdict", oneOf(caseVerdicts...).to(&e.Verdict), "what becomes of it", ""},
		{"status", answers.to(&e.Status), "of the answer", ""},
		{"verified", booleans.do(func(b bool) { e.Verified = &b }), "whether the sender is believed; a request without a signature is only judged for that if this is said", ""},
	}
}

var answers = kind[int]{func(n node) int {
	s, ok := n.scalar()
	i, err := strconv.Atoi(s)
	if ok && (err != nil || i < 100 || i > 599) {
		n.problem("%q is not a status of HTTP like 202", s)
	}
	return i
}, func() *schema {
	return &schema{Title: "number", Type: []string{"integer", "string"}, Minimum: 100, Pattern: "^[0-9]+$"}
}}

func (e *Expectation) readRules(n node) {
	e.Rules = []string{}
	for _, one := range n.list() {
		if s, ok := one.scalar(); ok {
			e.Rules = append(e.Rules, s)
		}
	}
}

func (e *Expectation) readRun(n node) {
	for key, value := range n.entries() {
		r := ExpectedRun{Rule: key.Value}
		value.mapping(r.settings()...)
		e.Run = append(e.Run, r)
	}
}

func (r *ExpectedRun) settings() []setting {
	return []setting{
		{"env", form{r.readEnv, func() *schema { return namedOf(aText("")(), expected.schema()) }}, "variables that the rule sets, with their values; a secret is what the configuration calls it, as in `${env:TOKEN}`; others may be there", ""},
		{"command", form{r.readCommand, commandSchema}, "of the list form of `run`, the program and its arguments; of the string form, the script", ""},
		{"notify", form{r.readNotify, noticesSchema}, "by their names, who is told, and the `message`, or that and more; others may be told, too", ""},
		{"status", form{r.readStatus, statusesSchema}, "the status of a commit that it sets", ""},
		{"http", form{r.readHTTP, func() *schema { return mappingOf((&ExpectedCall{}).settings()...) }}, "the request that it makes", ""},
		{"dir", besides.do(func(s string) { r.Dir = &s }), "working folder; a relative one begins beside this file", ""},
		{"user", expectedText(&r.User), "as whom; empty for the server's own", ""},
		{"group", expectedText(&r.Group), "of its `concurrency`", ""},
		{"throttle", expectedText(&r.Throttle), "the key of its `throttle`", ""},
		{"debounce", expectedText(&r.Debounce), "the key of its `debounce`", ""},
	}
}

var besides = kind[string]{node.beside, aText("folder")}

// expected is a text as it is to come out, which may be empty. A reference in it
// is not read.
var expected = kind[string]{node.expected, func() *schema {
	return &schema{Title: "text", Type: []string{"string", "number", "boolean"}}
}}

func (n node) expected() string {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		return ""
	}
	s, _ := n.scalar()
	text, err := parseReferences(s, n.file.folder()) // a relative file as the configuration has it
	if err != nil {
		return s
	}
	return text.String()
}

func (r *ExpectedRun) readEnv(n node) {
	for key, value := range n.entries() {
		r.Env = append(r.Env, NamedText{key.Value, value.expected()})
	}
}

func (r *ExpectedRun) readHTTP(n node) {
	r.HTTP = &ExpectedCall{}
	n.mapping(r.HTTP.settings()...)
}

func (c *ExpectedCall) settings() []setting {
	return []setting{
		{"method", expectedText(&c.Method), "HTTP method", ""},
		{"url", expectedText(&c.URL), "with a secret as the configuration calls it", ""},
		{"headers", form{c.readHeaders, func() *schema { return namedOf(aText("")(), expected.schema()) }}, "headers with their values; others may be there", ""},
		{"body", expectedText(&c.Body), "the body as text", ""},
		{"json", form{c.readJSON, func() *schema { return &schema{Title: "anything"} }}, "what the body means as JSON", ""},
	}
}

func (c *ExpectedCall) readHeaders(n node) {
	for name, value := range n.requestHeaders() {
		c.Headers = append(c.Headers, NamedText{name, value.expected()})
	}
}

func (c *ExpectedCall) readJSON(n node) {
	var tree any
	err := n.Decode(&tree)
	if err == nil {
		c.JSON, err = json.Marshal(tree)
	}
	if err != nil {
		n.problem("cannot be written as JSON: %v", err)
	}
}

func (r *ExpectedRun) readCommand(n node) {
	if n.Kind != yaml.SequenceNode {
		if s, ok := n.scalar(); ok {
			r.Script = &s
		}
		return
	}
	for _, e := range n.list() {
		r.Command = append(r.Command, e.expected())
	}
	if len(r.Command) == 0 {
		n.problem("is an empty list; write the program and its arguments: [terraform, apply]")
	}
}

func commandSchema() *schema {
	return either("script, or list of texts", aText("")(), listOf(expected.schema()))()
}
