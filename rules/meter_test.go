package rules

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
)

// hostile is a payload as large as a sender can make one, as it looks decoded.
func hostile() map[string]any {
	list := make([]any, 300_000)
	for i := range list {
		list[i] = fmt.Sprintf("file-%d", i)
	}
	nested := any([]any{1, 2, 3})
	for range 190 {
		nested = []any{nested, list[:100]}
	}
	object := map[string]any{}
	for _, name := range list[:100_000] {
		object[name.(string)] = list[:10]
	}
	changes := make([]any, len(list))
	for i, name := range list {
		changes[i] = map[string]any{"new": map[string]any{"type": "tag", "name": name}}
	}
	return map[string]any{
		"push": map[string]any{"changes": changes},
		"list": list, "lists": []any{list, list, list, list, list}, "nested": nested, "object": object,
		"text": strings.Repeat("a", 12<<20), "other": strings.Repeat("a", 12<<20-1) + "b",
		"wide": strings.Repeat("é", 6<<20), "n": 1_000_000, "max": 1 << 62,
		"pattern": strings.Repeat("(a*)*", 150) + "$", "repeats": "((((a{10}){10}){10}){10})", "ref": "refs/heads/main",
		"glob": strings.Repeat("{a,a}", 199), "commits": []any{map[string]any{"added": list, "modified": list}},
	}
}

// Every payload is answered in bounded work. What is counted is not time, but
// steps, calls and memory.
func TestHostilePayloads(t *testing.T) {
	payload := hostile()
	for _, when := range []string{
		// Loops in loops.
		`any(list, any(list, # == "x"))`,
		`all(list, none(list, # == "x"))`,
		`any(lists, any(#, any(list, # == "x")))`,
		`count(list, {let a = #; count(list, # == a) > 1}) > 1`,
		`len(filter(list, len(filter(list, # == "x")) > 0)) > 0`,
		`sum(map(list, sum(list, len(#)))) > 0`,
		`reduce(list, #acc + reduce(list, #acc + len(#), 0), 0) > 0`,
		`find(list, findIndex(list, # == "x") != nil) == nil`,
		`findLast(list, findLastIndex(list, # == "x") != nil) == nil`,
		`len(groupBy(list, one(list, # == "x"))) > 0`,
		`sortBy(list, count(list, # == "x"))[0] == ""`,
		// Operations that take long, in a loop.
		`any(list, # in list and # == "x")`,
		`any(list, lists == 1 or lists == lists[1])`,
		`any(list, text < other and # == "x")`,
		`any(list, # == "x" or text == other)`,
		`any(list, text contains "b")`,
		`any(list, text contains other)`,
		`any(list, text matches "b")`,
		`any(list, object[text] != nil)`,
		`any(list, text in object)`,
		`any(list, len({(text): 1}) == 2)`,
		`any(list, (upper(text) == "x"))`,
		`any(list, len(text) < 5)`,
		`any(list, len(keys(object)) < 5)`,
		`any(list, len(reverse(list)) == 5)`,
		`any(list, text + # == "x")`,
		`any(list, glob("b*", text))`,
		`any(list, touched("b/**"))`,
		`any(list, branch() == "x")`,
		`any(list, sortBy(list, #)[0] == "x")`,
		`sortBy(list, # > "file-2" ? text : other)[0] == "x"`,
		`len(groupBy(list, # + text)) > 0`,
		`any(list, date("2026-01-01", "2006-01-02", "Europe/Berlin") > now())`,
		`len(map(list, timezone("Europe/Berlin"))) == 0`,
		// Much out of little.
		`len(repeat(text, n)) > 0`,
		`len(repeat("x", n * n)) > 0`,
		`replace(text, "a", other) == ""`,
		`replace(text, "", other) == ""`,
		`join(list, text) == ""`,
		`join(map(list, text)) == ""`,
		`trim(wide, wide) == ""`,
		`len(0..max) > 0`,
		`len(0..n * 100) > 0`,
		`len(split(text, "")) > 0`,
		`len(uniq(list)) > 0`,
		`toJSON(lists) == ""`,
		`string(lists) == ""`,
		`len(flatten(lists)) > 0`,
		`len(map(1..10, list | map(#))) > 0`,
		`reduce(1..n, [#acc, #acc]) == reduce(1..n, [#acc, #acc])`,
		`let a = text + text; let b = a + a; let c = b + b; let d = c + c; d + d == ""`,
		`let a = [list, list]; let b = [a, a]; let c = [b, b]; string([c, c]) == ""`,
		// Patterns.
		`text matches "(a+)+(b+)+c{100}$"`,
		`text matches pattern`,
		`all(list, # matches pattern)`,
	} {
		t.Run(when, func(t *testing.T) {
			allocated, meter, err := measure(t, when, payload)
			if !errors.Is(err, errTooMuch) {
				t.Errorf("%v, want %v", err, errTooMuch)
			}
			if meter.steps > maxSteps || allocated > 512<<20 {
				t.Errorf("%d steps and %d MiB", meter.steps, allocated>>20)
			}
		})
	}
}

// Commits without files are looked at as well.
func TestManyCommits(t *testing.T) {
	commits := make([]any, 300_000)
	for i := range commits {
		commits[i] = map[string]any{"added": []any{}}
	}
	payload := map[string]any{"commits": commits, "total_commits": len(commits)}
	if _, m, err := measure(t, `touched("x")`, payload); err != nil || m.steps != len(commits) {
		t.Errorf("%d steps, %v", m.steps, err)
	}
	if _, _, err := measure(t, `any(commits, touched("x"))`, payload); !errors.Is(err, errTooMuch) {
		t.Error(err)
	}
}

// measure evaluates an expression and tells how much memory was asked for on the
// way.
func measure(t *testing.T, source string, payload any) (uint64, *meter, error) {
	t.Helper()
	compiled, err := compileExpression(source)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	m := &meter{}
	runtime.ReadMemStats(&before)
	_, err = compiled.eval(environment{Payload: payload, Request: &requestView{request: push("")}, Meter: m})
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, m, err
}

// Large payloads that are asked simple things are no hostile ones.
func TestLargePayloads(t *testing.T) {
	payload := hostile()
	for _, when := range []string{
		`any(list, # == "file-299999")`,
		`any(list, # startsWith "file-2")`,
		`text contains "b"`,
		`text matches "^v[0-9]"`,
		`upper(text) startsWith "A"`,
		`"file-299999" in list`,
		`len(split(ref, "/")) == 3`,
		`touched("file-2*")`,
		`glob("refs/**", ref)`,
		`len(filter(list, # endsWith "7")) > 5`,
		`ref == "refs/heads/main" && text != other`,
	} {
		if _, _, err := measure(t, when, payload); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// The turns of loops that are counted are those that are done.
func TestTurnsAreCounted(t *testing.T) {
	calls := 0
	probe := &function{name: "probe", types: []any{new(func(*meter, any) bool)},
		call: func(...any) (any, error) { calls++; return false, nil }}
	known[probe.name] = &builtin.Function{Name: probe.name, Func: probe.call, Types: []reflect.Type{reflect.TypeOf(probe.types[0]).Elem()}}
	defer delete(known, probe.name)
	functions = append(functions, probe)
	defer func() { functions = functions[:len(functions)-1] }()
	functionNames = append(functionNames, "probe")
	defer func() { functionNames = functionNames[:len(functionNames)-1] }()

	for when, want := range map[string]int{
		`any(list, probe(#))`:                        100,
		`any(list, any(list, probe(#)))`:             100 * 100,
		`any(filter(list, !probe(#)), probe(#))`:     200,
		`any(list, probe(#)) || any(list, probe(#))`: 200,
		`len(map(filter(list, !probe(#)), #)) == 0`:  100,
		`sum(map(list, probe(#) ? 1 : 2)) == 0`:      100,
		`count(list, probe(#)) > 0`:                  100,
		`filter(list, probe(#))[0]`:                  100,
	} {
		calls = 0
		list := make([]any, 100)
		_, m, err := measure(t, when, map[string]any{"list": list})
		if err != nil || calls != want || m.steps < want/2 {
			t.Errorf("%s: %d calls, %d steps, %v; want %d", when, calls, m.steps, err, want)
		}
	}

	calls = 0
	_, m, err := measure(t, `any(list, any(list, any(list, probe(#))))`, map[string]any{"list": make([]any, 500)})
	if !errors.Is(err, errTooMuch) || calls > maxSteps || calls < maxSteps/2 {
		t.Errorf("%d calls, %d steps, %v; want at most %d", calls, m.steps, err, maxSteps)
	}
}

// A pattern that the configuration does not spell out is bounded.
func TestForeignPatterns(t *testing.T) {
	for payload, want := range map[string]string{
		`{"p":"^a+$"}`: "",
		`{"p":"` + strings.Repeat("a", 1001) + `"}`:      "the pattern has 1001 bytes",
		`{"p":"((a{10}){10}){10}"}`:                      "repeats too much",
		`{"p":"` + strings.Repeat("(a{100})", 50) + `"}`: "repeats too much",
		`{"p":"("}`: "missing closing )",
		`{}`:        "p is missing, and matches needs a text",
		`{"p":5}`:   "p is the number 5, and matches needs a text",
	} {
		compiled, err := compileExpression(`"aaa" matches p`)
		if err != nil {
			t.Fatal(err)
		}
		matched, err := compiled.holds(envOf(t, push(payload)))
		if want == "" && (!matched || err != nil) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v, %v; want %q", payload, matched, err, want)
		}
	}
}

// An error does not repeat what a payload has made long.
func TestErrorsAreShort(t *testing.T) {
	payload := hostile()
	for _, when := range []string{`int(text) == 1`, `date(text) == nil`, `ref[text] == 1`, `n && text`, `glob(text, ref)`, `semver(text, "1")`, `ip_in(text, "::1")`, `ref matches text`} {
		_, _, err := measure(t, when, payload)
		if err == nil || len(err.Error()) > maxError+200 {
			t.Errorf("%s: %.2000v", when, err)
		}
	}
}

// What a value makes is bounded as well.
func TestValueIsBounded(t *testing.T) {
	v, err := compileValue(`{{ let a = [list, list]; let b = [a, a]; let c = [b, b]; [c, c] }}`, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.text(environment{Payload: hostile()}); !errors.Is(err, errTooMuch) {
		t.Error(err)
	}
}

// The delivery shows it, and the rule does not fire.
func TestTooMuchIsShown(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /x:
    verify: none
    rules:
      - {name: loop, when: "!any(list, any(list, any(list, # == 1)))", run: "true"}
      - {name: other, when: len(list) == 500, run: "true"}
`)
	decisions, actions, err := hook.Evaluate(push(`{"list":[0` + strings.Repeat(",0", 499) + `]}`))
	if err != nil || len(actions) != 1 || !strings.Contains(decisions[0].Error, "took more than 1000000 steps") || !decisions[1].Matched {
		t.Errorf("%+v, %v", decisions, err)
	}
}
