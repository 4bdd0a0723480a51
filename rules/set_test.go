package rules

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

const decideFile = `
hooks:
  /a:
    verify: none
    first_match: %v
    rules:
      - {name: broken, when: n > 2, run: make}
      - {name: value, when: ref == "main", run: [make, "{{ ref.x }}"]}
      - {name: first, when: ref == "main", run: make}
      - {name: never, when: nothing, run: make}
      - {name: second, run: make}
`

func TestEvaluate(t *testing.T) {
	for _, c := range []struct {
		firstMatch bool
		want       string
		runs       string
	}{
		{false, "broken:error value:error first:true never:false second:true", "first second"},
		{true, "broken:error value:error first:true", "first"},
	} {
		decisions, actions, err := oneHook(t, fmt.Sprintf(decideFile, c.firstMatch)).Evaluate(push(`{"ref":"main"}`))
		if err != nil {
			t.Fatal(err)
		}
		var got, runs []string
		for _, d := range decisions {
			outcome := fmt.Sprint(d.Matched)
			if d.Error != "" {
				outcome = "error"
			}
			got = append(got, d.Rule+":"+outcome)
		}
		for _, a := range actions {
			runs = append(runs, a.Rule)
		}
		if strings.Join(got, " ") != c.want || strings.Join(runs, " ") != c.runs {
			t.Errorf("first_match %v: %v runs %v, want %s runs %s", c.firstMatch, got, runs, c.want, c.runs)
		}
	}
}

func TestVerdictOf(t *testing.T) {
	matched, failed, not := Decision{Rule: "m", Matched: true}, Decision{Rule: "f", Error: "why"}, Decision{Rule: "n"}
	for _, c := range []struct {
		decisions []Decision
		want      Verdict
		reason    string
	}{
		{nil, Ignored, "no rule matched"},
		{[]Decision{not}, Ignored, "no rule matched"},
		{[]Decision{not, failed, not}, Errored, `rule "f": why`},
		{[]Decision{failed, matched}, Accepted, ""},
	} {
		if got, reason := VerdictOf(c.decisions); got != c.want || reason != c.reason {
			t.Errorf("%v: %s %q, want %s %q", c.decisions, got, reason, c.want, c.reason)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	hook := oneHook(t, `
server: {public_url: https://hooks.example.com}
hooks:
  /a:
    verify: {hmac: {header: X-Signature, secret: "${env:TOKEN}", signed: "{url}\n{body}", event: "header:X-Event", id: ["json:id"]}}
    rules: [{run: make}]
`)
	r := push(`{"id":"e-1"}`)
	r.Path, r.RawQuery = "/a b", "x=1"
	r.Header.Set("X-Event", "ping")
	r.Event, r.ID = "", ""

	var rejected *verify.Rejection
	if err := hook.Verify(r, time.Now()); !errors.As(err, &rejected) {
		t.Errorf("unsigned: %v, want a Rejection", err)
	}
	if r.Event != "" || r.ID != "" {
		t.Errorf("a request that is not genuine has the event %q and the id %q", r.Event, r.ID)
	}
	signed := &verify.Request{URL: "https://hooks.example.com/a%20b?x=1", Header: r.Header, Body: r.Body}
	if err := hook.verifier.Sign(signed); err != nil {
		t.Fatal(err)
	}
	if err := hook.Verify(r, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r.Event != "ping" || r.ID != "e-1" {
		t.Errorf("event %q, id %q", r.Event, r.ID)
	}
	r.RawQuery = "x=2"
	if err := hook.Verify(r, time.Now()); !errors.As(err, &rejected) {
		t.Errorf("another URL: %v, want a Rejection", err)
	}
}

// Secrets may rotate, and a preset may take more than a secret.
func TestVerifyForms(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	for _, c := range []struct{ verify, header, value string }{
		{`{bearer: "${env:TOKEN}"}`, "Authorization", "Bearer " + secretValue},
		{`{bearer: [new-secret, "${env:TOKEN}"]}`, "Authorization", "Bearer " + secretValue},
		{`{bearer: {secret: ["${env:TOKEN}", new-secret]}}`, "Authorization", "Bearer new-secret"},
		{`{basic: {user: ada, password: open}}`, "Authorization", "Basic YWRhOm9wZW4="},
		{`{token: {header: X-Token, prefix: "t ", secret: "${env:TOKEN}"}}`, "X-Token", "t " + secretValue},
		{`none`, "X-Nothing", ""},
	} {
		hook := oneHook(t, "hooks: {/a: {verify: "+c.verify+", rules: [{run: make}]}}")
		r := push("")
		r.Header.Set(c.header, c.value)
		if err := hook.Verify(r, time.Now()); err != nil {
			t.Errorf("%s: %v", c.verify, err)
		}
		r.Header.Set(c.header, c.value+"x")
		if err := hook.Verify(r, time.Now()); (err == nil) != (c.verify == "none") {
			t.Errorf("%s with a wrong secret: %v", c.verify, err)
		}
	}
}

// The declarative form can say what a preset says: here, what Stripe signs.
func TestVerifyDeclared(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /a:
    verify:
      hmac:
        algorithm: sha512
        key: base64
        secret: [b2xkLXNlY3JldA==, bmV3LXNlY3JldA==]
        signature: {from: "header:Signature", encoding: base64, sep: ",", kv: "=", key: v1}
        signed: "{timestamp}.{body}"
        timestamp: {from: ["sig:t"], unit: s, tolerance: 1m, future: none}
        event: [header:X-Kind, "json:type"]
    rules: [{run: make}]
`)
	now := time.Unix(1_800_000_000, 0)
	r := push(`{"type":"paid"}`)
	signed := &verify.Request{Header: r.Header, Body: r.Body, Now: now}
	if err := hook.verifier.Sign(signed); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  time.Time
		body string
		good bool
	}{
		{now, `{"type":"paid"}`, true},
		{now.Add(59 * time.Second), `{"type":"paid"}`, true},
		{now.Add(-time.Hour), `{"type":"paid"}`, true},
		{now.Add(61 * time.Second), `{"type":"paid"}`, false},
		{now, `{"type":"free"}`, false},
	} {
		r.Body, r.Event = []byte(c.body), ""
		if err := hook.Verify(r, c.now); (err == nil) != c.good || c.good && r.Event != "paid" {
			t.Errorf("%s at %s: %v, event %q; want good: %v", c.body, c.now, err, r.Event, c.good)
		}
	}
}

func TestMask(t *testing.T) {
	const query = "{token: {query: auth, secret: topsecret}}"
	for _, c := range []struct{ name, verify, header, query, wantPath string }{
		{"always", "none", "Authorization", "", ""},
		{"proxy", "none", "Proxy-Authorization", "", ""},
		{"cookie", "none", "Cookie", "", ""},
		{"preset", "{gitlab: topsecret}", "X-Gitlab-Token", "", ""},
		{"preset keeps the query", "{gitlab: topsecret}", "X-Gitlab-Token", "auth=1&b=%20", "?auth=1&b=%20"},
		{"header", "{token: {header: X-Mine, secret: topsecret}}", "X-Mine", "", ""},
		{"query", query, "Cookie", "a=1&auth=topsecret&auth=x&b", "?a=1&auth=<secret>&auth=<secret>&b"},
		{"query, escaped", query, "Cookie", "%61uth=topsecret", "?%61uth=<secret>"},
		{"query, not to be read", query, "Cookie", "%zzauth=topsecret", "?%zzauth=<secret>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hook := oneHook(t, "hooks: {/a: {verify: "+c.verify+", rules: [{run: make}]}}")
			r := push("")
			r.RawQuery = c.query
			r.Header = http.Header{c.header: {"", "topsecret"}, "X-Plain": {"plain"}}
			header, path := hook.Mask(r)
			if want := "/deploy/web" + c.wantPath; path != want {
				t.Errorf("path %s, want %s", path, want)
			}
			if want := (http.Header{c.header: {mask}, "X-Plain": {"plain"}}); !reflect.DeepEqual(header, want) {
				t.Errorf("header %v, want %v", header, want)
			}
			if r.Header[c.header][1] != "topsecret" {
				t.Error("the request itself was masked")
			}
		})
	}
}

// No way of printing shows what a reference stands for.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	config := load(t, `
hooks:
  /a:
    verify: {github: "${env:TOKEN}"}
    rules: [{run: [make, "${env:TOKEN}"], env: {A: "${env:TOKEN}"}}]
`)
	_, actions, err := config.Set.Hooks()[0].Evaluate(push(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		for _, value := range []any{config, *config, config.Set, *config.Set, config.Set.Secrets(), actions, actions[0].Command} {
			if got := fmt.Sprintf(format, value); strings.Contains(got, secretValue) || strings.Contains(got, fmt.Sprintf("%x", secretValue)) {
				t.Errorf("%s of %T shows a secret: %s", format, value, got)
			}
		}
	}
	literal := load(t, `hooks: {/a: {verify: {github: [written, "x-${env:TOKEN}"]}, rules: [{run: make}]}}`)
	var all []string
	for _, s := range literal.Set.Secrets() {
		all = append(all, s.Reveal())
	}
	if want := []string{secretValue, "written", "x-" + secretValue}; !slices.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(want))) {
		t.Errorf("what is to be masked is %q, want %q", all, want)
	}
	if got := config.Set.Secrets(); len(got) != 1 || got[0].Reveal() != secretValue {
		t.Errorf("%d secrets to mask, want the one", len(got))
	}
}

// What any condition or value of any rule reads is decoded, and no more.
func TestHookNeeds(t *testing.T) {
	for rules, want := range map[string]string{
		`[{run: make}]`: "",
		`[{when: a.b == 1, run: [make, "{{ c }} {{ d.e }}"], env: {F: "{{ f }}"}}, {when: g, run: make}]`: "a.b c d.e f g",
		`[{when: a.b == 1, run: make}, {when: a == nil, run: make}]`:                                      "a",
		`[{when: a == 1, run: make}, {run: make, env: {ALL: "{{ payload }}"}}]`:                           "*",
	} {
		hook := oneHook(t, "hooks: {/a: {verify: none, rules: "+rules+"}}")
		if got := strings.Join(paths(hook.need, ""), " "); got != want {
			t.Errorf("%s needs %q, want %q", rules, got, want)
		}
	}
}

// What a rule takes from the request is stored and shown, so what proves the
// sender is masked for it, too.
func TestRulesDoNotSeeSecrets(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	for verify, request := range map[string]*Request{
		`{bearer: "${env:TOKEN}"}`:                         {Header: http.Header{"Authorization": {"Bearer " + secretValue}}},
		`{gitlab: "${env:TOKEN}"}`:                         {Header: http.Header{"X-Gitlab-Token": {secretValue}}},
		`{token: {query: auth, secret: "${env:TOKEN}"}}`:   {RawQuery: "a=1&auth=" + secretValue},
		`{token: {header: X-Key, secret: "${env:TOKEN}"}}`: {Header: http.Header{"X-Key": {secretValue}}},
	} {
		h := oneHook(t, `hooks: {/a: {verify: `+verify+`, rules: [
			{run: ["{{ request.headers }}", "{{ request.query }}"]},
			{when: request.query.auth, run: x},
			{when: request.headers.authorization, run: x}]}}`)
		if request.Header == nil {
			request.Header = http.Header{}
		}
		if err := h.Verify(request, time.Now()); err != nil {
			t.Fatal(err)
		}
		decisions, actions, err := h.Evaluate(request)
		if err != nil || len(actions) == 0 {
			t.Fatal(actions, err)
		}
		if got := fmt.Sprint(decisions, *actions[0].Command); strings.Contains(got, secretValue) || !strings.Contains(got, "secret>") {
			t.Errorf("%s: %s", verify, got)
		}
	}
}
