package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// valueCases: what a value becomes, and what no value may.
var valueCases = []struct {
	value, payload, want, fails string
}{
	{value: "plain", want: "plain"},
	{value: "", want: ""},
	{value: "a } b }} { c", want: "a } b }} { c"},
	{value: "{{ ref }}", payload: `{"ref":"main"}`, want: "main"},
	{value: "{{ref}}-{{ n }}!", payload: `{"ref":"main","n":7}`, want: "main-7!"},
	{value: "{{ request.event }} {{ request.params.service }}", want: "push web"},

	// Quotes and braces inside an expression.
	{value: `{{ "}}" }}`, want: "}}"},
	{value: `{{ '{{' + "\"}}" }}`, want: `{{"}}`},
	{value: "{{ `}}` }}", want: "}}"},
	{value: `{{ {"a": {"b": 1}}.a.b }}`, want: "1"},
	{value: `{{ {"a": {"b": 1}}}}`, want: `{"a":{"b":1}}`},
	{value: `{{ map(list, {# + 1}) }}`, payload: `{"list":[1,2]}`, want: "[2,3]"},

	// How results are spelt.
	{value: "{{ n }}", payload: `{"n":9007199254740993}`, want: "9007199254740993"},
	{value: "{{ n }}", payload: `{"n":-9223372036854775808}`, want: "-9223372036854775808"},
	{value: "{{ n }}", payload: `{"n":123456789012345678901234567890}`, want: "123456789012345678901234567890"},
	{value: "{{ n }}", payload: `{"n":1e21}`, want: "1000000000000000000000"},
	{value: "{{ n }}", payload: `{"n":0.1}`, want: "0.1"},
	{value: "{{ n }}", payload: `{"n":19.90}`, want: "19.9"},                             // as docs/configuration.md says
	{value: "{{ n }}", payload: `{"n":12345678901234567.89}`, want: "12345678901234568"}, // likewise
	{value: "{{ b }}", payload: `{"b":false}`, want: "false"},
	{value: "a{{ x.y }}b{{ z }}", payload: `{"z":null}`, want: "ab"},
	{value: "{{ l }}", payload: `{"l":["<a> & b",9007199254740993,null,1.5]}`, want: `["<a> & b",9007199254740993,null,1.5]`},
	{value: "{{ o }}", payload: `{"o":{"b":"</x>","a":[]}}`, want: `{"a":[],"b":"</x>"}`},
	{value: `{{ date("2026-03-01T12:00:00Z") }}`, want: "2026-03-01T12:00:00Z"},
	{value: `{{ duration("90s") }}`, want: "1m30s"},
	{value: "{{ s }}", payload: `{"s":"a\u0000b"}`, fails: "NUL byte"},
	{value: "{{ l }}", payload: `{"l":["a\u0000b"]}`, want: `["a\u0000b"]`}, // spelt, not held
	{value: "{{ request }}", fails: "request is not a value"},
	{value: "{{ ref.x }}", payload: `{"ref":"main"}`, fails: "has no field x"},

	// A reference stays one, and only what the file says is one (threat 32).
	{value: "${env:TOKEN}", want: "${env:TOKEN}"},
	{value: "{{ s }}", payload: `{"s":"${env:TOKEN} {{ ref }}"}`, want: "${env:TOKEN} {{ ref }}"},
	{value: `{{ "${env:TOKEN}" }}`, want: "${env:TOKEN}"},
	{value: "${x:-y} ${x:0:3} ${HOME}", want: "${x:-y} ${x:0:3} ${HOME}"}, // a shell's own
}

func TestValue(t *testing.T) {
	for _, c := range valueCases {
		t.Run(c.value+" "+c.payload, func(t *testing.T) {
			v, err := compileValue(c.value, "/")
			if err != nil {
				t.Fatal(err)
			}
			text, err := v.text(envOf(t, push(c.payload)))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%q, %v; want an error with %q", text, err, c.fails)
				}
				return
			}
			if err != nil || text.String() != c.want {
				t.Errorf("%q, %v; want %q", text, err, c.want)
			}
		})
	}
}

const commandFile = `
hooks:
  /deploy/:service:
    verify: none
    rules:
      - name: list
        run: [deploy, "--token=${env:TOKEN}", "{{ s }}", "${env:TOKEN}{{ s }}"]
        env:
          S: "{{ s }}"
          BOTH: "a{{ s }}b${env:TOKEN}"
          NONE: ""
      - name: script
        run: deploy "$S"
        env: {S: "{{ s }}"}
        shell: [bash, -euc]
        stdin: none
`

// What a payload spells stays text, in the command and in what is stored of it,
// however much it looks like a reference or an expression (threats 21 and 32).
func TestPayloadNeverBecomesReference(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	hook := oneHook(t, commandFile)
	for _, spelt := range []string{
		"${env:TOKEN}", "{{ request.event }}", `{"ref":"env:TOKEN"}`, `[{"ref":"env:TOKEN"}]`, `"`, "$(id)", "<&>", "",
	} {
		body, err := json.Marshal(map[string]string{"s": spelt})
		if err != nil {
			t.Fatal(err)
		}
		decisions, actions, err := hook.Evaluate(push(string(body)))
		if err != nil || len(actions) != 2 {
			t.Fatalf("%v, %v", decisions, err)
		}
		command := actions[0].Command
		token := Part{Ref: "env:TOKEN"}
		want := []Text{
			Plain("deploy"), {{Literal: "--token="}, token}, Plain(spelt), {token, {Literal: spelt}},
		}
		if !reflect.DeepEqual(command.Argv, want) {
			t.Errorf("%q: argv %#v, want %#v", spelt, command.Argv, want)
		}
		wantEnv := []EnvVar{{"S", Plain(spelt)}, {"BOTH", Text{{Literal: "a" + spelt + "b"}, token}}, {"NONE", Plain("")}}
		if !reflect.DeepEqual(command.Env, wantEnv) {
			t.Errorf("%q: env %#v, want %#v", spelt, command.Env, wantEnv)
		}
		for _, a := range actions {
			checkRoundTrip(t, a.Command)
		}
	}
}

func checkRoundTrip(t *testing.T, command *Command) {
	t.Helper()
	data, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	var again Command
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&again, command) {
		t.Errorf("stored %s\nread   %#v\nwas    %#v", data, again, *command)
	}
	if strings.Contains(string(data), secretValue) {
		t.Errorf("a secret is stored: %s", data)
	}
}

func TestTextRefusesWhatItDidNotWrite(t *testing.T) {
	for _, data := range []string{`5`, `{"ref":"env:X"}`, `[5]`, `[["a"]]`} {
		if err := json.Unmarshal([]byte(data), new(Text)); err == nil {
			t.Errorf("%s was read as a text", data)
		}
	}
}

// Many requests at once, each with its own values (threat 22).
func TestValuesDoNotMix(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	hook := oneHook(t, commandFile)
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for i := range 100 {
				s := fmt.Sprintf("sender-%d-%d", sender, i)
				_, actions, err := hook.Evaluate(push(`{"s":"` + s + `"}`))
				if err != nil || len(actions) != 2 {
					t.Errorf("%d actions, %v", len(actions), err)
					return
				}
				if got := actions[0].Command.Argv[2].String() + actions[1].Command.Env[0].Value.String(); got != s+s {
					t.Errorf("%s got %s", s, got)
				}
			}
		})
	}
	senders.Wait()
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		rule, body  string
		concurrency *Concurrency
		retry       *Retry
	}{
		{`{run: x}`, `{}`, nil, nil},
		{`{name: r, run: x, concurrency: {}}`, `{}`, &Concurrency{"/a r", 1, Queue}, nil},
		{`{run: x, concurrency: {group: website, limit: 2, busy: skip}}`, `{}`, &Concurrency{"website", 2, Skip}, nil},
		{`{name: r, run: x, concurrency: {group: "{{ host }}", busy: skip}}`, `{"host":"web-1"}`, &Concurrency{"web-1", 1, Skip}, nil},
		{`{name: r, run: x, concurrency: {group: "{{ host }}", busy: replace}}`, `{}`, &Concurrency{"/a r", 1, Replace}, nil},
		{`{run: x, retry: {}}`, `{}`, nil, &Retry{3, Duration(10 * time.Second), Duration(10 * time.Minute), []string{"failure", "timeout"}}},
		{`{run: x, retry: {attempts: 1}}`, `{}`, nil, nil},
		{`{http: "https://example.com", retry: {attempts: 1, delay: 1m}}`, `{}`, nil, nil},
		{`{http: "https://example.com"}`, `{}`, nil, &Retry{5, Duration(10 * time.Second), Duration(10 * time.Minute), []string{"failure", "timeout"}}},
		{`{run: x, retry: {attempts: 5, delay: 1h, on: [timeout, 3]}}`, `{}`, nil, &Retry{5, Duration(time.Hour), Duration(time.Hour), []string{"timeout", "3"}}},
	} {
		h := oneHook(t, "hooks: {/a: {verify: none, rules: ["+c.rule+"]}}")
		_, actions, err := h.Evaluate(&Request{Hook: "/a", Body: []byte(c.body)})
		if err != nil || len(actions) != 1 {
			t.Fatal(actions, err)
		}
		cmd := actions[0].Command
		if !reflect.DeepEqual(cmd.Concurrency, c.concurrency) || !reflect.DeepEqual(cmd.Retry, c.retry) {
			t.Errorf("%s: %+v %+v", c.rule, cmd.Concurrency, cmd.Retry)
		}
	}
}

func TestRetryCovers(t *testing.T) {
	code := func(n int) *int { return &n }
	for _, c := range []struct {
		on       []string
		timedOut bool
		exitCode *int
		want     bool
	}{
		{[]string{"failure"}, false, code(1), true},
		{[]string{"failure"}, false, nil, true},
		{[]string{"failure"}, true, nil, false},
		{[]string{"timeout"}, true, code(1), true},
		{[]string{"timeout"}, false, code(1), false},
		{[]string{"timeout"}, false, code(TempFail), true},
		{[]string{"3"}, false, code(3), true},
		{[]string{"3"}, false, code(4), false},
		{[]string{"3"}, false, nil, false},
	} {
		if got := (&Retry{On: c.on}).Covers(c.timedOut, c.exitCode); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPaces(t *testing.T) {
	for _, c := range []struct {
		rule, body string
		throttle   *Throttle
		debounce   *Debounce
	}{
		{`{run: x, throttle: {every: 3h}}`, `{}`, &Throttle{Duration(3 * time.Hour), ""}, nil},
		{`{run: x, throttle: {every: 1d, by: "{{ host }}/{{ n }}"}}`, `{"host":"a","n":9007199254740993}`, &Throttle{Duration(24 * time.Hour), "a/9007199254740993"}, nil},
		{`{run: x, debounce: {quiet: 30s}}`, `{}`, nil, &Debounce{Duration(30 * time.Second), Duration(5 * time.Minute), ""}},
		{`{run: x, debounce: {quiet: 30s, max: 1m, by: "{{ host }}"}}`, `{"host":"a"}`, nil, &Debounce{Duration(30 * time.Second), Duration(time.Minute), "a"}},
	} {
		h := oneHook(t, "hooks: {/a: {verify: none, rules: ["+c.rule+"]}}")
		_, actions, err := h.Evaluate(&Request{Hook: "/a", Body: []byte(c.body)})
		if err != nil || len(actions) != 1 {
			t.Fatal(actions, err)
		}
		cmd := actions[0].Command
		if !reflect.DeepEqual(cmd.Throttle, c.throttle) || !reflect.DeepEqual(cmd.Debounce, c.debounce) {
			t.Errorf("%s: %+v %+v", c.rule, cmd.Throttle, cmd.Debounce)
		}
	}
}
