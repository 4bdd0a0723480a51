package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const explainedYAML = `
hooks:
  /deploy/:service:
    verify: {token: {query: auth, secret: s3cr3t-of-the-test}}
    first_match: true
    rules:
      - {name: web, when: 'request.params.service == "web" && request.query.auth != "x" && ref == "main"', run: "true"}
      - {name: late, when: 'n > 1 && now() > date("2000-01-01")', run: "true"}
      - {name: rest, run: "true"}
`

// A delivery is explained by the rules of then, from what the store keeps of it.
func TestDeliveryIsExplainedAsOfThen(t *testing.T) {
	public := openPublic(t, explainedYAML)
	body := `{"ref": "dev", "n": 2}`
	a := public.send(t, public.request(t, "POST", "/deploy/web?auth=s3cr3t-of-the-test&what%3F=1", body))
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	_, accepted, _ := public.take()
	public.intake.Use(load(t, strings.ReplaceAll(explainedYAML, `"main"`, `"changed"`)))

	kept := *accepted[0]
	kept.Body = nil
	private := openPrivate(t, &fakeRuns{deliveries: []*rules.Delivery{&kept}, bodies: map[int64][]byte{17: []byte(body)}}, nil)
	got := private.ask(t, "GET", "/api/deliveries/17")
	var shown struct {
		Rules    []rules.Decision
		Untraced string
	}
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil || len(shown.Rules) != 3 || shown.Untraced != "" {
		t.Fatalf("%v: %s", err, got.body)
	}
	web, late, rest := shown.Rules[0], shown.Rules[1], shown.Rules[2]
	if web.Matched || web.Trace.Result != rules.False || len(web.Trace.Parts) != 3 {
		t.Errorf("web: %+v", web.Trace)
	}
	if ref := web.Trace.Parts[2]; ref.Text != `ref == "main"` || ref.Parts[0].Value != `"dev"` {
		t.Errorf("the rules of now are shown: %+v", ref)
	}
	if !late.Matched || late.Trace.Result != rules.True {
		t.Errorf("late: %+v", late.Trace)
	}
	if rest.Matched || rest.Trace.Result != rules.NotAsked || rest.Trace.Note == "" {
		t.Errorf("rest: %+v", rest.Trace)
	}
	if strings.Contains(got.body, "s3cr3t") {
		t.Errorf("the secret is shown: %s", got.body)
	}
	if list := private.ask(t, "GET", "/api/deliveries"); strings.Contains(list.body, "trace") {
		t.Errorf("a listing has traces: %s", list.body)
	}

	// Where the body or the rules are gone, the decisions are still there.
	delete(private.bodies, 17)
	if got := private.ask(t, "GET", "/api/deliveries/17"); !strings.Contains(got.body, `"untraced":"the body is not kept"`) ||
		!strings.Contains(got.body, `{"rule":"late","matched":true,"error":""}`) {
		t.Errorf("without a body: %s", got.body)
	}
}

// What try takes for a hook's path is what the door takes for it.
func TestMatchIsTheRouters(t *testing.T) {
	c := load(t, `
hooks:
  /: {verify: none, rules: [{run: "true"}]}
  /a: {verify: none, rules: [{run: "true"}]}
  /a/: {verify: none, rules: [{run: "true"}]}
  /a/b: {verify: none, rules: [{run: "true"}]}
  /deploy/:service: {verify: none, rules: [{run: "true"}]}
  /deploy/:service/:step/now: {verify: none, rules: [{run: "true"}]}
  /files/*rest: {verify: none, rules: [{run: "true"}]}
`)
	in := NewIntake(newFakeIntake(t), newFakeIntake(t), slog.New(slog.DiscardHandler))
	in.Use(c)
	for _, path := range []string{
		"/", "/a", "/a/", "/a/b", "/a/b/", "/a/c", "//", "/a//", "/A", "", "a",
		"/deploy", "/deploy/", "/deploy/web", "/deploy/web/", "/deploy/w%2Fb", "/deploy/w b", "/deploy/:service", "/deploy/x?y",
		"/deploy/web/1/now", "/deploy/web/1/later", "/deploy/web//now", "/deploy/../a", "/deploy/.",
		"/files", "/files/", "/files/a", "/files/a/b/", "/files//a", "/filesystem",
	} {
		r := newServerRequest("GET", "/", "")
		r.URL.Path = path
		handle, params := in.hooks.Load().lookup(r.URL)
		hook, got := c.Set.Match(path)
		if (hook != nil) != (handle != nil) {
			t.Errorf("%s: Match says %v", path, hook)
		}
		if hook == nil {
			continue
		}
		for _, p := range params {
			if got[p.Key] != p.Value {
				t.Errorf("%s: %s is %q, the router says %q", path, p.Key, got[p.Key], p.Value)
			}
		}
		if len(params) != len(got) {
			t.Errorf("%s: %v, the router says %v", path, got, params)
		}
	}
}

// What try foretells is what the door says, but for the ids.
func TestForetoldIsSaid(t *testing.T) {
	const yaml = `
server: {max_body: 60}
hooks:
  /signed: {verify: {bearer: the-token}, rules: [{name: a, when: x == 1, run: "true"}, {name: b, when: '!y', run: "true"}]}
  /get: {verify: none, methods: [GET], rules: [{name: a, run: "true"}]}
`
	c := load(t, yaml)
	public := openPublic(t, yaml)
	for _, test := range []struct{ name, path, method, body, token, kind string }{
		{"fires", "/signed", "POST", `{"x":1,"y":true}`, "the-token", "application/json"},
		{"ignored", "/signed", "POST", `{"x":2,"y":true}`, "the-token", "application/json"},
		{"an error", "/signed", "POST", `{"x":2}`, "the-token", "application/json"},
		{"not genuine", "/signed", "POST", `{"x":1}`, "another", "application/json"},
		{"not genuine and not JSON", "/signed", "POST", `{`, "another", "application/json"},
		{"not JSON", "/signed", "POST", `{`, "the-token", "application/json"},
		{"not read", "/signed", "POST", `{}`, "the-token", "text/plain"},
		{"too large", "/signed", "POST", `{"x":"` + strings.Repeat("a", 60) + `"}`, "the-token", "application/json"},
		{"wrong method", "/get", "POST", `{}`, "", "application/json"},
		{"no body", "/get", "GET", ``, "", "application/json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent := public.request(t, test.method, test.path, test.body, "Content-Type", test.kind, "Authorization", "Bearer "+test.token)
			hook, params := c.Set.Match(test.path)
			r := &rules.Request{Hook: hook.Path, Params: params, Method: test.method, Path: test.path, Header: sent.Header, Body: []byte(test.body)}
			f := Foretell(c, hook, r, hook.Try(r, time.Now(), true))
			said := public.send(t, sent)
			if want := withoutIDs(t, said.body); f.Status != said.status || withoutIDs(t, string(f.Body)) != want {
				t.Errorf("foretold %d %s, said %d %s", f.Status, f.Body, said.status, said.body)
			}
		})
	}
}

// withoutIDs spells an answer with 0 for each id.
func withoutIDs(t *testing.T, body string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if _, there := v["delivery"]; there {
		v["delivery"] = 0
	}
	runs, _ := v["runs"].([]any)
	for _, run := range runs {
		run.(map[string]any)["id"] = 0
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
