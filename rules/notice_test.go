package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// spellAction writes what a rule wants done in a line.
func spellAction(a Action) string {
	c := a.Command
	told := make([]string, len(c.Tell))
	for i, n := range c.Tell {
		told[i] = fmt.Sprintf("%s on %v: %s", n.To, n.On, n.Message)
	}
	what := c.Script
	if n := c.Notification; n != nil {
		what = n.To + ": " + n.Message.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", a.Rule, c.Action(), what, strings.Join(told, "; ")))
}

func TestNotices(t *testing.T) {
	t.Setenv("TOKEN", "s3cr3t")
	for name, c := range map[string]struct {
		defaults, rule string
		want           []string
	}{
		"a run":             {"", `run: make, notify: [{to: ops, message: "{{ ref }} with ${env:TOKEN}"}]`, []string{"a run make ops on [failure recovery approval]: main with ${env:TOKEN}"}},
		"two of them":       {"", `run: make, notify: [{to: [ops, phone], on: [start]}, phone]`, []string{"a run make ops on [start]: ; phone on [start]: ; phone on [failure recovery approval]:"}},
		"no run":            {"", `notify: [{to: [ops, phone], message: "{{ ref }}"}]`, []string{"a notify ops: main", "a notify phone: main"}},
		"by its name":       {"", `notify: phone`, []string{"a notify phone:"}},
		"by default":        {"defaults: {notify: ops}", `run: make`, []string{"a run make ops on [failure recovery approval]:"}},
		"not by default":    {"defaults: {notify: ops}", `run: make, notify: []`, []string{"a run make"}},
		"default and other": {"defaults: {notify: ops}", `run: make, notify: phone`, []string{"a run make phone on [failure recovery approval]:"}},
		"default, no run":   {"defaults: {notify: ops, approve: true}", `notify: phone`, []string{"a notify phone:"}},
	} {
		hook := oneHook(t, "notify: {ops: {ntfy: https://ntfy.sh/ops}, phone: {ntfy: https://ntfy.sh/phone}}\n"+c.defaults+
			"\nhooks: {/a: {verify: none, rules: [{name: a, "+c.rule+"}]}}\n")
		decisions, actions, err := hook.Evaluate(&Request{Body: []byte(`{"ref": "main", "commits": []}`)})
		if err != nil || len(decisions) != 1 || !decisions[0].Matched {
			t.Errorf("%s: %+v, %v", name, decisions, err)
		}
		var got []string
		for _, a := range actions {
			got = append(got, spellAction(a))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q\nwant\n%q", name, got, c.want)
		}
	}
}

// A rule that tells people has its pace like any other, and a message that cannot
// be made is an error of the rule.
func TestNoticeAlone(t *testing.T) {
	hook := oneHook(t, `
notify: {ops: {ntfy: https://ntfy.sh/ops}}
hooks:
  /a:
    verify: none
    rules:
      - {name: paced, throttle: {every: 3h, by: "{{ city }}"}, notify: ops}
      - {name: wrong, notify: [{to: ops, message: "{{ upper(number) }}"}]}
`)
	decisions, actions, err := hook.Evaluate(&Request{Body: []byte(`{"city": "Hanoi", "number": 5}`)})
	if err != nil || len(actions) != 1 || actions[0].Command.Throttle == nil || actions[0].Command.Throttle.Key != "Hanoi" {
		t.Fatalf("%+v, %v", actions, err)
	}
	if d := decisions[1]; d.Matched || !strings.HasPrefix(d.Error, "notify: message: ") {
		t.Errorf("%+v", d)
	}
	if c := actions[0].Command; c.Retry == nil || c.Concurrency.Group != "notify:ops" || c.Timeout == 0 {
		t.Errorf("%+v", c)
	}
}

// What a payload says is one address, or none at all.
func TestNoticeAddress(t *testing.T) {
	hook := oneHook(t, `
notify: {shop: {email: {smtp: "smtp://127.0.0.1:25", from: shop@example.com}}}
hooks: {/a: {verify: none, rules: [{name: a, notify: [{to: shop, address: "{{ email }}", message: hi}]}]}}
`)
	for body, want := range map[string]string{
		`{"email": "ada@example.net"}`:                  "ada@example.net",
		`{"email": "Ada <ada@example.net>"}`:            "ada@example.net",
		`{"email": "a@example.net, b@example.net"}`:     "",
		`{"email": "a@example.net\r\nBcc: b@evil.net"}`: "",
		`{"email": ""}`: "",
		`{}`:            "",
	} {
		decisions, actions, err := hook.Evaluate(&Request{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "" && (len(actions) != 0 || !strings.HasPrefix(decisions[0].Error, "notify: address: ")):
			t.Errorf("%s: %+v", body, decisions[0])
		case want != "" && (len(actions) != 1 || actions[0].Command.Notification.Address != want):
			t.Errorf("%s: %+v", body, actions)
		}
	}
}

// What people cannot be told keeps nothing from being done: the error goes along
// to whoever was to be told, and to nobody else.
func TestNoticeThatCannotBeMade(t *testing.T) {
	setSecrets(t)
	for _, c := range []struct{ defaults, rule, body, tells, status string }{
		{"", `run: make, notify: [{to: shop, address: "{{ email }}", message: hi}, ops]`, `{"email": ""}`, `shop: notify: address: "" is not one address; ops:`, "none"},
		{"", `run: make, notify: [{to: ops, message: "{{ upper(number) }}"}]`, `{"number": 5}`, "ops: notify: message: ", "none"},
		{"", `run: make, status: {github: "${env:TOKEN}"}`, `{}`, "", "status: the event names no commit"},
		{"", `http: "https://example.com", status: {github: "${env:TOKEN}"}`, `{"commit": {"id": "abcdef1234567"}}`, "", "status: the event names no repository"},
		{`status: {github: "${env:TOKEN}"}`, `run: make`, `{}`, "", "none"},
		{`status: {github: "${env:TOKEN}"}`, `run: make`, `{"commit": {"id": "abcdef1234567"}}`, "", "none"},
		{`status: {github: "${env:TOKEN}", commit: "{{ sha }}", repository: o/r}`, `run: make`, `{}`, "", "none"},
		{`status: {github: "${env:TOKEN}", commit: "{{ sha }}", repository: o/r}`, `run: make`, `{"sha": "abcdef1234567"}`, "", ""},
		{`status: {github: "${env:TOKEN}", commit: "{{ sha }}", repository: o/r}`, `run: make`, `{"sha": "../x"}`, "", "status: commit: "},
	} {
		text := "notify: {ops: {ntfy: https://ntfy.sh/ops}, shop: {email: {smtp: \"smtp://127.0.0.1:25\", from: shop@example.com}}}\n" +
			"defaults: {" + c.defaults + "}\nhooks: {/a: {verify: none, rules: [{name: a, " + c.rule + "}]}}\n"
		decisions, actions, err := oneHook(t, text).Evaluate(push(c.body))
		if err != nil || len(actions) != 1 || !decisions[0].Matched {
			t.Errorf("%s of %s: %+v, %v", c.rule, c.body, decisions, err)
			continue
		}
		var tells []string
		status := "none"
		for _, n := range actions[0].Command.Tell {
			if n.Status != nil {
				status = n.Status.Error
				continue
			}
			if tells = append(tells, n.To+": "+n.Error); n.Error != "" && n.Address != "" {
				t.Errorf("%s: %+v", c.rule, n)
			}
		}
		if got := strings.TrimSpace(strings.Join(tells, "; ")); !strings.HasPrefix(got, c.tells) {
			t.Errorf("%s of %s: tells %q, want %q", c.rule, c.body, got, c.tells)
		}
		if !strings.HasPrefix(status, c.status) || c.status == "" && status != "" {
			t.Errorf("%s, %s of %s: status %q, want %q", c.defaults, c.rule, c.body, status, c.status)
		}
	}
}
