package rules

import (
	"errors"
	"reflect"
	"testing"
)

// Hooks that say the same of their senders share what is made of it; what differs
// anywhere is apart.
func TestBeliefsAreShared(t *testing.T) {
	t.Setenv("ONE", "one")
	t.Setenv("SAME", "one")
	t.Setenv("OTHER", "other")
	hook := func(verify string) *Hook {
		t.Helper()
		set := load(t, `hooks:
  /first: {verify: {github: "${env:ONE}"}, rules: [{run: make}]}
  /second: {`+verify+`, rules: [{run: make}]}
`).Set
		if got := set.Hook("/second"); got.verifier != set.Hook("/first").verifier {
			return got
		}
		return nil
	}
	for _, same := range []string{`verify: {github: "${env:ONE}"}`, `verify: {github: "${env:SAME}"}`, `verify: {github: one}`, `verify: {github: [one]}`} {
		if hook(same) != nil {
			t.Errorf("%s is compiled once more", same)
		}
	}
	for _, other := range []string{
		`verify: {github: "${env:OTHER}"}`, `verify: {github: [one, other]}`, `verify: {gitea: one}`,
		`verify: {github: one}, content: json`, `verify: {any: [{github: one}, {gitea: one}]}`, `verify: {hmac: {secret: one, header: X-Hub-Signature-256}}`,
	} {
		if hook(other) == nil {
			t.Errorf("%s is taken for another", other)
		}
	}
}

// What is wrong with a scheme is told of each hook that has it.
func TestABeliefThatIsWrongIsNotShared(t *testing.T) {
	_, err := tryLoad(t, `hooks:
  /first: {verify: {trello: secret}, rules: [{run: make}]}
  /second: {verify: {trello: secret}, rules: [{run: make}]}
`)
	if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 2 {
		t.Errorf("the problems are %v, want one of each hook", err)
	}
}

// Hooks are read one after the other at the same place, and so are rules. None
// keeps what another has said.
func TestHooksKeepNothingOfOthers(t *testing.T) {
	const plain = `
  /plain: {verify: none, rules: [{run: make}]}
`
	const full = `
  /full:
    verify: {github: secret}
    respond: {wait: 30s, output: true}
    first_match: true
    paused: true
    allow_ips: [10.0.0.0/8]
    rate_limit: 10/s
    dedupe: {by: "{{ id }}", within: 1h}
    methods: [PUT, GET]
    content: json
    rules:
      - {name: x, when: ref == "a", run: [make, "{{ ref }}"], dir: /tmp, env: {A: b}, stdin: none, shell: bash, timeout: 1s, grace: 1s, limits: {memory: 1GiB, output: 1KiB},
         user: nobody, concurrency: {group: g}, retry: {attempts: 2}, throttle: {every: 1s}, approve: true, loop_limit: 3, on_interrupt: fail}
      - {run: make}
`
	alone := load(t, "hooks:"+plain).Set.Hook("/plain")
	behind := load(t, "hooks:"+full+plain).Set.Hook("/plain")
	// The folders of the files differ, and nothing else may.
	behind.rules[0].dir = alone.rules[0].dir
	if !reflect.DeepEqual(alone, behind) {
		t.Errorf("behind another hook it is %+v, alone %+v", behind, alone)
	}
	rules := load(t, "hooks:"+full).Set.Hook("/full").rules
	want := alone.rules[0]
	want.name, want.dir = rules[1].name, rules[1].dir
	if !reflect.DeepEqual(rules[1], want) {
		t.Errorf("behind another rule it is %+v, want %+v", rules[1], want)
	}
}

// Hooks that read the same of a payload share the list of it, however it comes about.
func TestNeedsAreShared(t *testing.T) {
	set := load(t, `hooks:
  /one: {verify: none, rules: [{when: ref == "a" && repository.name == "b", run: make}]}
  /same: {verify: none, rules: [{when: repository.name == "b", run: make}, {run: [make, "{{ ref }}"]}]}
  /more: {verify: none, rules: [{when: ref == "a" && repository == nil, run: make}]}
  /less: {verify: none, rules: [{when: ref == "a", run: make}]}
  /all: {verify: none, rules: [{when: payload.ref == "a" && len(payload) > 1, run: make}]}
`).Set
	need := func(path string) *fields { return set.Hook(path).need }
	if need("/one") != need("/same") {
		t.Errorf("they are apart: %s and %s", need("/one").text(), need("/same").text())
	}
	seen := map[*fields]string{}
	for _, path := range []string{"/one", "/more", "/less", "/all"} {
		if other, there := seen[need(path)]; there {
			t.Errorf("%s and %s are taken for the same: %s", path, other, need(path).text())
		}
		seen[need(path)] = path
	}
}
