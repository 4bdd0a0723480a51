package rules

import (
	"strings"
	"testing"
)

const (
	fires = "fires"
	stays = "stays silent"
	fails = "fails"
)

// conditionCases: what a condition makes of a payload.
var conditionCases = []struct {
	when, payload, want string
}{
	// A field.
	{`ref == "refs/heads/main"`, `{"ref":"refs/heads/main"}`, fires},
	{`ref == "refs/heads/main"`, `{"ref":"refs/heads/dev"}`, stays},
	{`payload.ref == "x"`, `{"ref":"x"}`, fires},
	{`payload["a-b"].c == 1`, `{"a-b":{"c":1}}`, fires},
	{`sender.site_admin`, `{"sender":{"site_admin":true}}`, fires},

	// Missing anywhere on a path is nil, and nil does not fire.
	{`a.b.c == nil`, `{}`, fires},
	{`a.b.c == nil`, `{"a":{}}`, fires},
	{`a.b.c == nil`, `{"a":null}`, fires},
	{`a.b.c == nil`, ``, fires},
	{`a?.b?.c == nil`, `{}`, fires},
	{`(a.b ?? "x") == "x"`, `{}`, fires},
	{`a.b.c`, `{}`, stays},
	{`not a`, `{}`, fails},
	{`a.b == 1`, `{"a":"text"}`, fails}, // a text has no fields
	{`a.b == nil`, `{"a":[1]}`, fails},

	// A list.
	{`commits[0].id == "a"`, `{"commits":[{"id":"a"}]}`, fires},
	{`commits[-1].id == "b"`, `{"commits":[{"id":"a"},{"id":"b"}]}`, fires},
	{`commits[7].id == nil && commits[-7] == nil`, `{"commits":[]}`, fires},
	{`commits["0"] == 1`, `{"commits":[1]}`, fails},
	{`split(ref, "/")[9] == nil`, `{"ref":"a/b"}`, fires},
	{`split(ref, "/")[-1] == "b"`, `{"ref":"a/b"}`, fires},
	{`payload[0].a == 1`, `[{"a":1}]`, fires},
	{`ref == 1`, `[{"ref":1}]`, fails}, // a list has no fields
	{`any(commits, .author.name == "x")`, `{"commits":[{"author":{"name":"x"}}]}`, fires},
	{`any(commits, .author.name == "x")`, `{"commits":[{"author":null},{}]}`, stays},
	{`any(commits, .id == head)`, `{"commits":[{"id":1}],"head":1}`, fires},
	{`any(commits, true)`, `{}`, fails},
	{`groupBy(commits, .by)["x"][0].id == 1`, `{"commits":[{"by":"x","id":1}]}`, fires},

	// Integers keep all their digits.
	{`id == 9007199254740993`, `{"id":9007199254740993}`, fires},
	{`id == 9007199254740992`, `{"id":9007199254740993}`, stays},
	{`id == 9223372036854775807`, `{"id":9223372036854775807}`, fires},
	{`id == -9223372036854775807 - 1`, `{"id":-9223372036854775808}`, fires},
	{`id == "9223372036854775808"`, `{"id":9223372036854775808}`, fires}, // beyond 64 bits: the text of its digits
	{`id > 9.2e18`, `{"id":9223372036854775808}`, fails},
	{`n == 3 && n == 3.0 && n > 2`, `{"n":3}`, fires},
	{`n == 3 && n in 1..5`, `{"n":3}`, fires},
	{`fromJSON(message).id == 9007199254740993`, `{"message":"{\"id\":9007199254740993}"}`, fires},
	{`fromJSON(message).id == 1`, `{"message":"{\"id\":1,\"id\":2}"}`, fails},
	{`fromJSON(message).id == 1`, `{}`, fails},

	// The ways to true that expr's optimizer knows.
	{`ref in ["a", "b"]`, `{"ref":"a"}`, fires},
	{`len(filter(list, # > 1)) > 0`, `{"list":[1,2]}`, fires},
	{`sum(map(list, # * 2)) == 6`, `{"list":[1,2]}`, fires},
	{`all(list, # < 5) && not none(list, # < 5) && one(list, # == 1)`, `{"list":[1,2]}`, fires},
	{`ref == "a" ? true : false`, `{"ref":"a"}`, fires},
	{`if ref == "a" { found } else { false }`, `{"ref":"a","found":true}`, fires},
	{`1 < 2`, ``, fires},
	{`found ?? false`, `{"found":true}`, fires},
	{`find(list, .ok)?.ok`, `{"list":[{"ok":true}]}`, fires},

	// Comparisons in a row have one node for what stands between them.
	{`1 < n < 9`, `{"n":3}`, fires},
	{`1 < a.n < 9`, `{"a":{"n":3}}`, fires},
	{`1 < a.n < 9`, `{"a":{"n":30}}`, stays},
	{`1 < len(a.l) <= 2`, `{"a":{"l":[1,2]}}`, fires},

	// What stands beside !, && and || must be true or false.
	{`!deleted && (created || false)`, `{"deleted":false,"created":true}`, fires},
	{`!deleted`, `{}`, fails},
	{`not deleted`, `{"deleted":0}`, fails},
	{`created && true`, `{"created":"yes"}`, fails},
	{`(created ?? false) || true`, `{}`, fires},
	{`false && deleted`, `{}`, stays},

	// Nothing is in what is missing, and that must not fire behind a not either.
	{`"skip" not in labels`, `{}`, fails},
	{`!(ref in branches)`, `{"ref":"a"}`, fails},
	{`"a" in labels`, `{"labels":["a"]}`, fires},
	{`"a" not in labels`, `{"labels":["b"]}`, fires},
	{`"a" in head_commit`, `{"head_commit":{"a":1}}`, fires},
	{`ref not in ["a", "b"]`, `{"ref":"c"}`, fires},
	{`ref in ["a", "b"]`, `{"ref":"b"}`, fires},
	{`n in 1..5`, `{"n":3}`, fires},
	{`"skip" in (labels ?? [])`, `{}`, stays},

	// A function is one only where it is called.
	{`len == 3 && len(list) == 2`, `{"len":3,"list":[1,2]}`, fires},
	{`count.x == 1 && count(list, # > 1) == 1`, `{"count":{"x":1},"list":[1,2]}`, fires},
	{`filter == "f" && filter(list, # > 1) == [2]`, `{"filter":"f","list":[1,2]}`, fires},
	{`string(now()) startsWith "20"`, `{}`, fires},
	{`string(now())[10:11] == "T" || string(now()) contains " +0000 UTC"`, `{}`, fires},
	{`"x" in keys(payload) || toJSON(now()) endsWith "Z\""`, `{}`, fires},
	{`any(commits, true)`, `{}`, fails},
	{`len(commits ?? []) == 0`, `{}`, fires},
	{`ip_in(addr, split(nets, ","))`, `{"addr":"10.1.2.3","nets":"11.0.0.0/8,10.0.0.0/8"}`, fires},
	{`now == 5 && now() > date("2020-01-01")`, `{"now":5}`, fires},
	{`payload.payload.x == 1 && payload.request == 2`, `{"payload":{"x":1},"request":2}`, fires},
	{`let c = head_commit; c.id == "a" && c.author.name == nil`, `{"head_commit":{"id":"a"}}`, fires},

	// The request.
	{`request.event == "push" && request.id == "d-1" && request.method == "POST"`, ``, fires},
	{`request.hook == "/deploy/:service" && request.path == "/deploy/web"`, ``, fires},
	{`request.headers["x-GitHub-EVENT"] == "push"`, ``, fires},
	{`request.headers["X-Twice"] == "a, b" && request.headers.nothing == nil`, ``, fires},
	{`request.headers[1] == nil`, ``, fails},
	{`request.params.service == "web" && request.params.other == nil`, ``, fires},
	{`request.query.branch == "main" && request.query["q"] == "a b" && request.query.x == nil`, ``, fires},
	{`request.remote_ip == "192.0.2.7"`, ``, fires},
	{`request[name] == "push"`, `{"name":"event"}`, fires},
	{`request[name] == "push"`, `{"name":"body"}`, fails},

	// Text operators on what is no text, also behind a not (threat 20).
	{`ref startsWith "refs/"`, `{"ref":"refs/x"}`, fires},
	{`ref not matches "^v[0-9]"`, `{"ref":"main"}`, fires},
	{`ref matches "x"`, `{}`, fails},
	{`not (ref matches "x")`, `{}`, fails},
	{`ref not contains "x"`, `{}`, fails},
	{`not (ref startsWith "x")`, `{"ref":null}`, fails},
	{`not (ref endsWith "x")`, `{"ref":5}`, fails},
	{`not ("x" contains ref)`, `{}`, fails},
	{`!(a.b matches "x") || a == nil`, `{}`, fails},
	{`(ref ?? "") contains "x"`, `{}`, stays},
	{`ref matches pattern`, `{"ref":"x","pattern":"("}`, fails},

	// What is neither true nor false.
	{`n > 2`, `{}`, fails},
	{`n > 2`, `{"n":"3"}`, fails},
	{`ref`, `{"ref":"main"}`, fails},
	{`n`, `{"n":1}`, fails},
	{`ref`, `{"ref":null}`, stays},
	{`nil`, ``, stays},

	// Never a panic.
	{`1 / n == 1 || 5 % n == 1`, `{"n":0}`, fails},
	{`repeat("x", n) == ""`, `{"n":1000000000}`, fails},
	{`len(1..n) == 0`, `{"n":1000000000}`, fails},
	{`list[n:] == [1]`, `{"list":[1],"n":-5}`, fires},
	{`payload[payload] == 1`, `{}`, fails},
	{`date(s) == nil`, `{"s":"no date"}`, fails},
}

func TestCondition(t *testing.T) {
	for _, c := range conditionCases {
		t.Run(c.when+" "+c.payload, func(t *testing.T) {
			compiled, err := compileExpression(c.when)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == fires && !compiled.mayBeBool() {
				t.Error("would be refused in a file")
			}
			matched, err := compiled.holds(envOf(t, push(c.payload)))
			if got := outcome(matched, err); got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, err)
			}
		})
	}
}

func outcome(matched bool, err error) string {
	switch {
	case err != nil && matched:
		return "fires with an error"
	case err != nil:
		return fails
	case matched:
		return fires
	}
	return stays
}

// What an error says stands in the delivery, for people.
func TestConditionErrors(t *testing.T) {
	for when, want := range map[string]string{
		`head_commit.message contains "x"`:   `head_commit.message is missing, and contains needs a text; (head_commit.message ?? "") stands for an empty one`,
		`request.headers["X-A"] matches "x"`: `request.headers.X-A is missing, and matches needs a text`,
		`list[n] matches "x"`:                `list[n] is missing`,
		`any(commits, .ok)`:                  `commits is missing, and any needs a list; (commits ?? []) stands for an empty one`,
		`len(commits) > 0`:                   `commits is missing, and len needs a list or a text`,
		`lower(title) == "x"`:                `title is missing, and lower needs a text`,
		`(n == 1 ? b : c) startsWith "x"`:    `(n == 1 ? b : c) is missing, and startsWith needs a text`,
		`[b, c][0] startsWith "x"`:           `([b, c])[0] is missing, and startsWith needs a text`,
		`!deleted`:                           `deleted is missing, and ! needs true or false; (deleted ?? false) stands for false`,
		`n == 5 && a.ok`:                     `a.ok is missing, and && needs true or false`,
		`list or found`:                      `list is a list, and or needs true or false`,
		`ref`:                                `gives the text "main", and a condition must give true or false`,
		`ref.name == 1`:                      `the text "main" has no field name`,
		`list.name == 1`:                     `a list's element needs a number, not the text "name"`,
	} {
		compiled, err := compileExpression(when)
		if err != nil {
			t.Fatal(err)
		}
		_, err = compiled.holds(envOf(t, push(`{"ref":"main","list":[],"n":5}`)))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q on one line", when, err, want)
		}
	}
}

func TestRequestWithoutAddress(t *testing.T) {
	r := &Request{}
	compiled, err := compileExpression(`request.remote_ip == nil && request.params.x == nil && request.headers.x == nil && request.query.x == nil`)
	if err != nil {
		t.Fatal(err)
	}
	if matched, err := compiled.holds(environment{Request: &requestView{request: r, hook: &Hook{}}}); !matched || err != nil {
		t.Errorf("%v, %v; want true", matched, err)
	}
}

// The fields that an expression reads are all that is decoded of a payload.
func TestFieldsOfExpression(t *testing.T) {
	for source, want := range map[string]string{
		`ref == "x"`:                             "ref",
		`head_commit.id`:                         "head_commit.id",
		`payload.head_commit["id"]`:              "head_commit.id",
		`a.b.c + a.b.d`:                          "a.b.c a.b.d",
		`1 < a.b < 3`:                            "a.b",
		`a.b + a`:                                "a",
		`commits[0].id`:                          "commits",
		`any(commits, .id == head)`:              "commits head",
		`let c = head_commit; c.id`:              "head_commit",
		`keys(payload)`:                          "*",
		`payload[request.event]`:                 "*",
		`request.event`:                          "",
		`head_commit.message contains "x"`:       "head_commit.message",
		`not (head_commit.message contains ref)`: "head_commit.message ref",
	} {
		compiled, err := compileExpression(source)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(paths(&compiled.fields, ""), " "); got != want {
			t.Errorf("%s reads %q, want %q", source, got, want)
		}
	}
}
