package rules

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// spellTrace writes a trace for comparisons, a part a line.
func spellTrace(p *Trace, depth int) string {
	s := fmt.Sprintf("%s%s: %s", strings.Repeat("  ", depth), p.Text, p.Result)
	if p.Value != "" {
		s += " " + p.Value
	}
	if p.Note != "" {
		s += " (" + p.Note + ")"
	}
	s += "\n"
	for _, part := range p.Parts {
		s += spellTrace(part, depth+1)
	}
	return s
}

// TestTrace compares what is said of conditions with testdata/traces.txt: a
// payload in a line that begins with {, and conditions below it.
func TestTrace(t *testing.T) {
	const file = "testdata/traces.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	payload := ""
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "payload: "):
			payload = strings.TrimSpace(strings.TrimPrefix(line, "payload: "))
			got.WriteString(line)
		case strings.HasPrefix(line, "when: "):
			when := strings.TrimSuffix(strings.TrimPrefix(line, "when: "), "\n")
			compiled, err := compileExpression(when)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			r := push(payload)
			r.ReceivedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			got.WriteString(line + spellTrace(compiled.trace(envOf(t, r)), 1))
		case strings.HasPrefix(line, "#") || line == "\n":
			got.WriteString(line)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if got.String() != string(text) {
		t.Errorf("%s differs; look at the difference after go test -update:\n%s", file, got.String())
	}
}

// A trace says what the evaluation says, whatever the condition.
func TestTraceAgrees(t *testing.T) {
	for _, c := range conditionCases {
		checkTrace(t, c.when, c.payload)
	}
}

func FuzzTrace(f *testing.F) {
	for _, c := range conditionCases {
		f.Add(c.when, c.payload)
	}
	f.Add("if a { b } else { c } && (let x = d.e; x not in [1, 2] and not (x > 5)) || g[h:i] | len() > 1", `{"a":true,"d":{"e":3}}`)
	f.Fuzz(func(t *testing.T, when, body string) {
		if notTheSameTwice.MatchString(when) {
			t.Skip()
		}
		checkTrace(t, when, body)
	})
}

// checkTrace compares a trace with the evaluation, and what is said of each chain
// of && and || with what is said of its operands.
func checkTrace(t *testing.T, when, body string) {
	t.Helper()
	compiled, err := compileExpression(when)
	if err != nil {
		return
	}
	payload, err := payloadOf(push(body), reading{content: contentJSON}, everything)
	if err != nil {
		return
	}
	env := environment{Payload: payload, Request: &requestView{request: push(body), hook: &Hook{}}}
	got := compiled.trace(env)
	want := &Trace{}
	want.conclude(compiled.holds(env))
	if got.Result != want.Result {
		t.Fatalf("%s of %s: the trace says %s, the evaluation %s", when, body, got.Result, want.Result)
	}
	checkParts(t, got)
	tree, err := parser.Parse(when)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := tree.Node.(*ast.BinaryNode); ok && slices.Contains(logicOperators, n.Operator) && !comparesConstants(n) {
		checkLogic(t, got, isAnd(n.Operator))
	}
}

// comparesConstants finds 1 == 1, which is compiled as true.
func comparesConstants(node ast.Node) bool {
	n, ok := node.(*ast.BinaryNode)
	return ok && !slices.Contains(logicOperators, n.Operator) && isConstant(n) || slices.ContainsFunc(children(node), comparesConstants)
}

// checkLogic puts together what operands came to.
func checkLogic(t *testing.T, p *Trace, and bool) {
	t.Helper()
	goesOn, want := False, False
	if and {
		goesOn, want = True, True
	}
	decided := false
	for _, part := range p.Parts {
		if part.Result == NotAsked && !decided {
			continue // beside a constant
		}
		switch {
		case decided && part.Result != NotAsked:
			t.Fatalf("%s was asked, though it was decided before\n%s", part.Text, spellTrace(p, 0))
		case !decided && part.Result != goesOn:
			decided, want = true, part.Result
		}
	}
	if want == Valued || want == Missing || want == NotAsked {
		want = Failed
	}
	if p.Result != want {
		t.Fatalf("the operands say %s:\n%s", want, spellTrace(p, 0))
	}
}

func checkParts(t *testing.T, p *Trace) {
	t.Helper()
	if len([]rune(p.Value)) > previewLength+1 {
		t.Fatalf("%d characters of a value are shown", len(p.Value))
	}
	if p.Text == "" {
		t.Fatal("a part without text")
	}
	for _, part := range p.Parts {
		checkParts(t, part)
	}
}

// What proves the sender is in no trace, whatever a condition asks for.
func TestTraceKeepsSecrets(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /deploy/:service:
    verify: {token: {query: auth, secret: `+secretValue+`}}
    rules:
      - {run: "true", when: 'request.query.auth == "x" || request.headers.authorization contains "x" || request.headers["Cookie"] == "x"'}
      - {run: "true", when: 'request == nil || [request] == nil || string(request) == "" || toJSON([request]) == ""'}
      - {run: "true", when: 'request.headers == nil || request.query == nil || toPairs(request.headers) == nil'}
      - {run: "true", when: 'get([request][0], "Header") == nil || true'}
      - {run: "true", when: 'string(request.headers) == "" || toJSON(request.query) == ""'}
      - {run: "true", when: 'let r = request; r.query.auth == "x" || get([r][0], "request") == nil'}
      - {run: "true", when: 'string([request]) == "" || string({"a": request}) == "" || (request | string()) == ""'}
`)
	r := push(`{}`)
	r.RawQuery = "a=1&auth=" + secretValue
	r.Header = http.Header{"Authorization": {"Bearer " + secretValue}, "Cookie": {secretValue}, "Content-Type": {"application/json"}}
	decisions, _, err := hook.Evaluate(r)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := hook.explain(r, decisions)
	if err != nil {
		t.Fatal(err)
	}
	d := storedOf(hook, r, decisions)
	stored, err := Explain(d, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, decision := range append(fresh, stored...) {
		said := spellTrace(decision.Trace, 0) + decision.Error
		if strings.Contains(said, secretValue) {
			t.Errorf("the secret is in\n%s", said)
		}
	}
	if first := spellTrace(fresh[0].Trace, 0); strings.Count(first, mask) < 3 {
		t.Errorf("what is masked does not show as such:\n%s", first)
	}
}

// storedOf is the delivery that is kept of a request.
func storedOf(h *Hook, r *Request, decisions []Decision) *Delivery {
	header, path := h.Mask(r)
	d := &Delivery{Hook: h.Path, Method: r.Method, Path: path, Header: header, Event: r.Event, EventID: r.ID, Decisions: decisions,
		Size: int64(len(r.Body)), Definition: h.Definition(), ReceivedAt: r.ReceivedAt}
	if r.RemoteIP.IsValid() {
		d.RemoteIP = r.RemoteIP.String()
	}
	return d
}
