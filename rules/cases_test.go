package rules

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

const allOfCase = `
cases:
  - name: everything
    hook: /deploy/web?force=1
    payload: {id: 12345678901234567890, hex: 0x1f, big: 1_000, text: "7", when: 2026-03-01, list: [1.50, null, true, ~]}
    set: {head_commit.id: abc, n: 1, whole: {a: [b]}}
    event: push
    header: {X-One: 1, X-Two: [a, b]}
    method: PUT
    remote_ip: 192.0.2.1
    at: 2026-03-01T12:00:00Z
    signed: true
    expect:
      verified: false
      verdict: rejected
      status: 401
      rules: [one, two]
      run:
        one:
          env: {A: "", B: 0123, C: "${env:TOKEN} ${file:secret}"}
          command: [a, ""]
          dir: web
          group: g
          user: ""
          throttle: t
          debounce: d
          notify: {ops: "", mail: {address: a@example.com, message: "hi: {{ x }}"}, phone: {}}
          status: {repository: o/r, commit: 0123456, context: c, state: failure}
        two: {command: "a b"}
  - {hook: /x, send: {github: push}, payload: , expect: {rules: []}}
`

func TestReadCases(t *testing.T) {
	text := strings.Replace(allOfCase, "payload: , ", "", 1)
	cases, err := ParseCases("/srv/hooks/a.test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p := func(s string) *string { return &s }
	no := false
	want := &Case{
		Name: "everything", At: Place{File: "/srv/hooks/a.test.yaml", Line: 3, Col: 5, Where: `case "everything"`},
		Hook:  "/deploy/web?force=1",
		Body:  []byte(`{"id":12345678901234567890,"hex":31,"big":1000,"text":"7","when":"2026-03-01","list":[1.50,null,true,null]}`),
		Set:   []Field{{"head_commit.id", []byte(`"abc"`)}, {"n", []byte("1")}, {"whole", []byte(`{"a":["b"]}`)}},
		Event: "push", Method: "PUT", Header: http.Header{"X-One": {"1"}, "X-Two": {"a", "b"}},
		RemoteIP: netip.MustParseAddr("192.0.2.1"), Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Signed: true,
		Expect: Expectation{Verified: &no, Verdict: Rejected, Status: 401, Rules: []string{"one", "two"}, Run: []ExpectedRun{
			{Rule: "one", Env: []NamedText{{"A", ""}, {"B", "0123"}, {"C", "${env:TOKEN} ${file:/srv/hooks/secret}"}},
				Command: []string{"a", ""}, Dir: p("/srv/hooks/web"), Group: p("g"), User: p(""), Throttle: p("t"), Debounce: p("d"),
				Notify: []ExpectedNotice{{To: "ops", Message: p("")}, {To: "mail", Message: p("hi: {{ x }}"), Address: p("a@example.com")}, {To: "phone"}},
				Status: &ExpectedStatus{p("o/r"), p("0123456"), p("c"), p("failure")}},
			{Rule: "two", Script: p("a b")},
		}},
	}
	if len(cases) != 2 || !reflect.DeepEqual(cases[0], want) {
		t.Errorf("got  %+v\nwant %+v", cases[0], want)
	}
	if c := cases[1]; c.Name != "case-2" || c.Provider != "github" || c.Event != "push" || !c.Signed || c.Expect.Rules == nil {
		t.Errorf("%+v", c)
	}
}

// Each testdata/cases/*.yaml holds mistakes; *.txt says what their author reads.
func TestCaseProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.test.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := ReadCases(file)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%v, want Problems", err)
			}
			checkGolden(t, problems, strings.TrimSuffix(file, ".test.yaml")+".txt")
		})
	}
}

func TestCaseFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{"hooktender.yaml": "", "b.test.yaml": "", "a.test.yaml": "", ".c.test.yaml": "", "d.yaml": ""})
	want := []string{filepath.Join(dir, "a.test.yaml"), filepath.Join(dir, "b.test.yaml")}
	for _, path := range []string{dir, filepath.Join(dir, "hooktender.yaml")} {
		if got, err := CaseFiles(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
}

// What AppendCase writes is read as it was, and what stood there stays.
func TestAppendCase(t *testing.T) {
	p := func(s string) *string { return &s }
	nasty := []string{"", " a ", "7", "true", "a: b #c", "two\nlines\n", "\ttab", "'\"", "- x", "{{ x }}", "é\u2028", "${env:TOKEN}", "!tag", "~", "@", "\x7f"}
	c := &Case{Name: "n: #1", Hook: "/a?b=c", File: "/srv/sub/push-1.json", Method: "PUT", Header: http.Header{"X-A": {"1"}, "X-B": {"a", "no: b"}},
		RemoteIP: netip.MustParseAddr("fd00::1"), Now: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC),
		Expect: Expectation{Verdict: Accepted, Status: 202, Rules: []string{"a b", "1"}, Run: []ExpectedRun{
			{Rule: "a b", Command: nasty, Group: p("g"), Throttle: p(""), Debounce: p("x\ny"),
				Notify: []ExpectedNotice{{To: "ops", Message: p("two\nlines\n")}, {To: "mail", Message: p(""), Address: p("a@example.com")}},
				Status: &ExpectedStatus{Repository: p("o/r"), Commit: p("0123456"), Context: p("a: b")}}}}}
	for i, s := range nasty {
		c.Expect.Run[0].Env = append(c.Expect.Run[0].Env, NamedText{string(rune('A' + i)), s})
	}
	for _, before := range []string{"", "\n", "cases:\n- {hook: /x, expect: {rules: []}} # why\n\n# end", "cases:\n    - hook: /x\n      expect: {rules: []}\n"} {
		text, err := AppendCase("/srv/a.test.yaml", []byte(before), c)
		if err != nil {
			t.Fatalf("%q: %v", before, err)
		}
		if strings.TrimSpace(before) != "" && !bytes.HasPrefix(text, []byte(before)) {
			t.Errorf("%q became %q", before, text)
		}
		cases, err := ParseCases("/srv/a.test.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		got := cases[len(cases)-1]
		got.At = Place{}
		if !reflect.DeepEqual(got, c) {
			t.Errorf("got  %+v\nwant %+v\n%s", got, c, text)
		}
	}
	for _, bad := range []string{"cases: [{hook: /x, expect: {rules: []}}]", "cases: 1", "cases:\n- {name: 'n: #1', hook: /x, expect: {rules: []}}"} {
		if text, err := AppendCase("/srv/a.test.yaml", []byte(bad), c); err == nil {
			t.Errorf("%q became %q", bad, text)
		}
	}
}

func TestCaseSchema(t *testing.T) {
	s := compileSchema(t, CaseSchema)
	good := goodFiles(t, true, map[string]*regexp.Regexp{"../examples/*/*.yaml": regexp.MustCompile(`(?s)()(.*)`), "../docs/*.md": shownBlock})
	good["all"] = []byte(strings.Replace(allOfCase, "payload: , ", "", 1))
	if len(good) < 4 {
		t.Errorf("only %d", len(good))
	}
	for name, text := range good {
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"cases: []", "case: 1", "cases: [{hook: x, expect: {rules: []}}]", "cases: [{hook: /x}]",
		"cases: [{hook: /x, expect: {verdict: good}}]", "cases: [{hook: /x, expect: {run: {a: {cmd: b}}}}]"} {
		if validate(s, []byte(bad)) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// FuzzCases wants an answer for any file: cases, or problems with their places.
func FuzzCases(f *testing.F) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(allOfCase))
	f.Add([]byte("cases: [{hook: /a, payload: &a [*a, *a], expect: {rules: []}}]"))
	f.Add([]byte("cases: [{hook: /a, payload: {a: &a [1,1], b: &b [*a,*a], c: [*b,*b]}, expect: {rules: []}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cases, err := ParseCases("/srv/a.test.yaml", text)
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Col < 1 || p.What == "" {
				t.Errorf("%d lines, but %+v", lines, p)
			}
		}
		for _, c := range cases {
			if c.Body != nil {
				if _, err := readJSON(c.Body, everything); err != nil && len(c.Body) < 1000 && !strings.Contains(err.Error(), "too large") {
					t.Errorf("%q: %v", c.Body, err)
				}
			}
		}
	})
}
