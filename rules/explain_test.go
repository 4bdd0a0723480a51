package rules

import (
	"maps"
	"net/http"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// explainedHook asks for a bit of everything that is kept of a request.
const explainedHook = `
hooks:
  /deploy/:service/*rest:
    verify: {github: abcdefgh}
    methods: [GET, POST]
    rules:
      - name: request
        when: >
          request.event == "push" && request.id == "d-1" && request.method == "GET" && request.hook == "/deploy/:service/*rest"
          && request.path == "/deploy/a?b%20c/x/y" && request.params.service == "a?b%20c" && request.params.rest == "/x/y"
          && request.query.branch == "main" && request.query.q == "a b" && request.headers["x-twice"] == "a, b"
          && request.remote_ip == "192.0.2.7" && now() == date("2026-03-01T12:00:00.123456Z")
        run: "true"
      - {name: form, when: ref == "main", run: "true"}
      - {name: fails, when: ref.x == 1, run: "true"}
      - {name: value, run: [echo, "{{ request }}"]}
`

// What is said of a stored delivery is what was decided when it arrived.
func TestExplain(t *testing.T) {
	hook := oneHook(t, explainedHook)
	r := &Request{
		Hook: hook.Path, Method: "GET", Path: "/deploy/a?b%20c/x/y", RawQuery: "branch=main&q=a%20b",
		Params:   map[string]string{"service": "a?b%20c", "rest": "/x/y"},
		Header:   http.Header{"X-Twice": {"a", "b"}, "Content-Type": {"application/x-www-form-urlencoded"}},
		RemoteIP: netip.MustParseAddr("192.0.2.7"), Event: "push", ID: "d-1",
		Body:       []byte(`payload=%7B%22ref%22%3A%22main%22%7D`), // as GitHub sends a form
		ReceivedAt: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC),
	}
	decisions, _, err := hook.Evaluate(r)
	if err != nil {
		t.Fatal(err)
	}
	d := storedOf(hook, r, decisions)
	explained, err := Explain(d, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Request(r.Body); !maps.Equal(got.Params, r.Params) || got.Path != r.Path {
		t.Errorf("path %q with %v, want %q with %v", got.Path, got.Params, r.Path, r.Params)
	}
	for i, want := range []Result{True, True, Failed, True} {
		got := explained[i]
		if got.Trace.Result != want {
			t.Errorf("%s: %s, want %s\n%s", got.Rule, got.Trace.Result, want, spellTrace(got.Trace, 0))
		}
		got.Trace = nil
		if got != decisions[i] {
			t.Errorf("%+v was decided, %+v is shown", decisions[i], got)
		}
	}
	if explained[3].Error == "" {
		t.Error("the value that could not be filled in is no longer told")
	}
}

func TestExplainWithoutWhatItNeeds(t *testing.T) {
	hook := oneHook(t, explainedHook)
	r := push(`{}`)
	decisions, _, err := hook.Evaluate(r)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Delivery){
		"the rules of then are not kept":  func(d *Delivery) { d.Definition = nil },
		"the body is not kept":            func(d *Delivery) { d.Size = 5 },
		"read the rules of then":          func(d *Delivery) { d.Definition = &Definition{Text: "{"} },
		`rule "a": read the condition of`: func(d *Delivery) { d.Definition = &Definition{Text: `{"rules":[{"name":"a","when":"glob2(a)"}]}`} },
	} {
		d := storedOf(hook, r, decisions)
		change(d)
		if _, err := Explain(d, r.Body); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	rejected := storedOf(hook, r, nil)
	if got, err := Explain(rejected, nil); got != nil || err != nil {
		t.Errorf("a rejected one: %v, %v", got, err)
	}
}

// A definition is told from another one by what decides, and by nothing else.
func TestDefinition(t *testing.T) {
	of := func(text string) int64 { return oneHook(t, "hooks:\n  /a: "+text).Definition().ID }
	base := of(`{verify: none, rules: [{name: a, when: x == 1, run: "true"}]}`)
	if other := of(`{verify: {bearer: t0k3n}, respond: {wait: 3s}, rules: [{name: a, when: x == 1, run: "false", timeout: 5s}]}`); other != base {
		t.Error("what does not decide makes another definition")
	}
	for _, text := range []string{
		`{verify: none, rules: [{name: a, when: x == 2, run: "true"}]}`,
		`{verify: none, rules: [{name: b, when: x == 1, run: "true"}]}`,
		`{verify: none, rules: [{name: a, run: "true"}]}`,
		`{verify: none, first_match: true, rules: [{name: a, when: x == 1, run: "true"}]}`,
		`{verify: none, content: form, rules: [{name: a, when: x == 1, run: "true"}]}`,
	} {
		if of(text) == base {
			t.Errorf("%s has the same", text)
		}
	}
	if text := oneHook(t, explainedHook).Definition().Text; strings.Contains(text, "abcdefgh") {
		t.Errorf("the secret is in the definition: %s", text)
	}
}

// Asking for no trace costs none: a decision holds none, and the definition is
// made when the hook is.
func TestEvaluateMakesNoTrace(t *testing.T) {
	hook := oneHook(t, explainedHook)
	decisions, _, err := hook.Evaluate(push(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range decisions {
		if d.Trace != nil {
			t.Errorf("%s has a trace", d.Rule)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = hook.Definition() }); n != 0 {
		t.Errorf("%v allocations for a definition", n)
	}
}

const lenientFile = `
server: {public_url: "https://${env:NO_SUCH_HOST}", listen: "${env:NO_SUCH_ADDRESS}"}
hooks:
  /github: {verify: {github: ["${env:NO_SUCH_SECRET}", "${file:no-such-file}"]}, rules: [{when: ref == "x", run: [a], env: {A: "${env:NO_SUCH_VALUE}"}}]}
  /query: {verify: {token: {query: auth, secret: "${env:NO_SUCH_SECRET}"}}, rules: [{run: "true"}]}
  /url: {verify: {hmac: {secret: abc, header: X-Sig, signed: "{url}{body}"}}, rules: [{run: "true"}]}
  /basic: {verify: {basic: {user: "${env:NO_SUCH_USER}", password: abc}}, rules: [{run: "true"}]}
  /key: {verify: {hmac: {secret: "${env:NO_SUCH_SECRET}", header: X-Sig, key: base64}}, rules: [{run: "true"}]}
  /known: {verify: {bearer: abc}, rules: [{run: "true"}]}
`

// Without the secrets all that needs none is explained, and nobody is judged.
func TestLoadToExplain(t *testing.T) {
	file := filepath.Join(writeFiles(t, map[string]string{"a.yaml": lenientFile}), "a.yaml")
	if _, err := Load(file); err == nil {
		t.Fatal("Load finds nothing wrong")
	}
	config, err := LoadToExplain(file)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/github": "not checked: ${env:NO_SUCH_SECRET}: the environment variable NO_SUCH_SECRET is not set; ${file:",
		"/query":  "not checked: ${env:NO_SUCH_SECRET}",
		"/url":    "not checked: ${env:NO_SUCH_HOST}",
		"/basic":  "not checked: ${env:NO_SUCH_USER}",
		"/key":    "not checked: ${env:NO_SUCH_SECRET}",
		"/known":  "no Authorization header",
	} {
		hook, _ := config.Set.Match(path)
		trial := hook.Try(&Request{Method: "POST", Path: path, RawQuery: "auth=" + secretValue, Header: http.Header{}}, time.Now(), true)
		if !strings.HasPrefix(trial.Proof, want) || (trial.Verified == nil) != strings.HasPrefix(want, "not") {
			t.Errorf("%s: %q, want %q", path, trial.Proof, want)
		}
		if _, shown := hook.Mask(&Request{Path: path, RawQuery: "auth=" + secretValue, Header: http.Header{}}); path == "/query" && strings.Contains(shown, secretValue) {
			t.Errorf("without its secret the hook does not know what is secret: %s", shown)
		}
	}
	// All other mistakes are still mistakes.
	wrong := strings.ReplaceAll(lenientFile, `ref == "x"`, `ref = "x"`) + `  /x: {verify: {github: ""}, rules: [{run: "a ${env:X}"}]}` + "\n"
	file = filepath.Join(writeFiles(t, map[string]string{"a.yaml": wrong}), "a.yaml")
	if _, err := LoadToExplain(file); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v, want three problems", err)
	}
}

func TestTry(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /github:
    verify: {github: abcdefgh}
    rules: [{name: a, when: request.event == "push" && ref == "main", run: "true"}]
`)
	request := func(event, body string, header http.Header) *Request {
		r := &Request{Hook: "/github", Method: "POST", Path: "/github", Header: header, Body: []byte(body)}
		if err := hook.SetEvent(r, event); err != nil {
			t.Fatal(err)
		}
		return r
	}
	signed := http.Header{"X-Hub-Signature-256": {"sha256=00"}}
	for _, test := range []struct {
		name     string
		trial    *Trial
		verified *bool
		verdict  Verdict
		matched  []bool
	}{
		{"unsigned", hook.Try(request("push", `{"ref":"main"}`, http.Header{}), time.Now(), false), nil, Accepted, []bool{true}},
		{"another event", hook.Try(request("ping", `{"ref":"main"}`, http.Header{}), time.Now(), false), nil, Ignored, []bool{false}},
		{"whole, unsigned", hook.Try(request("push", `{"ref":"main"}`, http.Header{}), time.Now(), true), new(bool), Rejected, []bool{true}},
		{"badly signed", hook.Try(request("push", `{"ref":"main"}`, signed), time.Now(), false), new(bool), Rejected, []bool{true}},
		{"not JSON", hook.Try(request("push", `{`, http.Header{}), time.Now(), false), nil, Rejected, nil},
	} {
		var matched []bool
		for _, d := range test.trial.Decisions {
			matched = append(matched, d.Matched)
		}
		if got := test.trial; !reflect.DeepEqual(got.Verified, test.verified) || got.Verdict != test.verdict || !reflect.DeepEqual(matched, test.matched) {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	if err := (&Hook{Path: "/open"}).SetEvent(&Request{}, "push"); err == nil {
		t.Error("an event for a hook that knows none")
	}
}
