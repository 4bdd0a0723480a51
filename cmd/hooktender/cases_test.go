package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// Every example has cases, they pass, and one of them fires a rule.
func TestExamplesPassTheirCases(t *testing.T) {
	folders, err := filepath.Glob("../../examples/*/hooktender.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range folders {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			var out strings.Builder
			root := rootCommand()
			root.SetOut(&out)
			root.SetArgs([]string{"test", filepath.Dir(file)})
			if err := root.Execute(); err != nil {
				t.Fatal(err, out.String())
			}
			cases, err := readCases(file, "")
			if err != nil {
				t.Fatal(err)
			}
			fires := false
			for _, c := range cases {
				fires = fires || len(c.Expect.Rules) > 0
			}
			if !fires {
				t.Error("no case fires a rule")
			}
		})
	}
}

// allowedXML are the elements of a JUnit report with their attributes, of which
// those with a * must be there: Jenkins' junit-10.xsd, and GitLab's file.
var allowedXML = map[string]string{
	"testsuites": "name tests* failures* errors* time",
	"testsuite":  "name* tests* failures* errors* skipped time",
	"testcase":   "name* classname* file time",
	"failure":    "message* type*",
	"error":      "message* type*",
}

func TestJUnit(t *testing.T) {
	const odd = "a <b> & \"c\" \x00\x1b ]]> é"
	results := []*caseResult{
		{File: "a.test.yaml", Line: 2, Name: "good", Hook: "/a", Passed: true, took: 1500 * time.Millisecond},
		{File: "a.test.yaml", Line: 5, Name: odd, Hook: "/a", took: time.Second, Trial: &shownTrial{},
			Differences: []difference{{What: "rules", Expected: odd, Got: "none"}}},
		{File: "b.test.yaml", Line: 2, Name: "cannot", Hook: "/b", Error: odd},
	}
	file := filepath.Join(t.TempDir(), "report.xml")
	if err := writeJUnit(file, results); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkElements(t, string(text))
	var report junitReport
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	if report.Tests != 3 || report.Failures != 1 || report.Errors != 1 || report.Time != "2.500" || len(report.Suites) != 2 {
		t.Errorf("%+v", report)
	}
	a, b := report.Suites[0], report.Suites[1]
	if a.Name != "a.test.yaml" || a.Tests != 2 || a.Failures != 1 || a.Errors != 0 || a.Cases[0].Failure != nil || a.Cases[0].Time != "1.500" {
		t.Errorf("%+v", a)
	}
	shown := strings.NewReplacer("\x00", "\uFFFD", "\x1b", "\uFFFD").Replace(odd)
	if f := a.Cases[1].Failure; f == nil || f.Message != "rules: expected "+shown+", got none" || !strings.HasPrefix(f.Text, "a.test.yaml:5\n") || a.Cases[1].Name != shown {
		t.Errorf("%+v", f)
	}
	if e := b.Cases[0].Error; b.Errors != 1 || e == nil || e.Message != shown {
		t.Errorf("%+v", b)
	}
}

// checkElements wants nothing in a report but what readers of it know.
func checkElements(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attributes, known := allowedXML[start.Name.Local]
		if !known {
			t.Errorf("<%s> is in no schema", start.Name.Local)
		}
		there := map[string]bool{}
		for _, a := range start.Attr {
			there[a.Name.Local] = true
		}
		for name := range strings.FieldsSeq(attributes) {
			name, must := strings.CutSuffix(name, "*")
			if must && !there[name] {
				t.Errorf("<%s> has no %s", start.Name.Local, name)
			}
			delete(there, name)
		}
		if len(there) > 0 {
			t.Errorf("<%s> has %v", start.Name.Local, there)
		}
	}
}

// What is expected of a field in set is that of --set: digits stay.
func TestChangeFields(t *testing.T) {
	const body = `{"id":12345678901234567890,"a":{"b":1.50}}`
	got, err := changeFields([]byte(body), false, []rules.Field{{Path: "a.c.d", Value: []byte("1e2")}, {Path: "x", Value: []byte(`{"<":[]}`)}, {Path: "x.y", Value: []byte("null")}})
	if want := `{"a":{"b":1.50,"c":{"d":1e2}},"id":12345678901234567890,"x":{"<":[],"y":null}}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	for _, f := range []rules.Field{{Path: "id.x", Value: []byte("1")}, {Path: "x", Value: []byte("{")}} {
		if got, err := changeFields([]byte(body), false, []rules.Field{f}); err == nil {
			t.Errorf("%s became %s", f.Path, got)
		}
	}
	if got, err := changeFields([]byte("[1]"), false, []rules.Field{{Path: "x", Value: []byte("1")}}); err == nil {
		t.Errorf("a list became %s", got)
	}
}

// Rules count by name and in their order.
func TestRulesAreCompared(t *testing.T) {
	for _, c := range []struct {
		expected []string
		differs  bool
	}{{nil, false}, {[]string{"a", "b"}, false}, {[]string{"b", "a"}, true}, {[]string{"a", "c"}, true}, {[]string{"a"}, true}, {[]string{}, true}} {
		trial := &rules.Trial{Verdict: rules.Accepted, Actions: []rules.Action{{Rule: "a", Command: &rules.Command{}}, {Rule: "b", Command: &rules.Command{}}}}
		r := &caseResult{Trial: &shownTrial{Hook: "/x", Verdict: rules.Accepted}}
		r.compare(&rules.Case{Expect: rules.Expectation{Rules: c.expected}}, trial)
		if differs := len(r.Differences) > 0; differs != c.differs {
			t.Errorf("%v: %+v", c.expected, r.Differences)
		}
	}
}

// A case that is kept expects who is told, and not those whom the event gives nothing to be told by.
func TestCaseOfWhoIsTold(t *testing.T) {
	run := runOf(&consequence{rule: "deploy", commands: []*rules.Command{{Script: "make"}}, told: []rules.Notice{
		{Status: &rules.CommitStatus{Service: "github"}}, {To: "mail", Error: "no address"}, {To: "ops", Message: rules.Plain("hi")}}})
	if len(run.Notify) != 1 || run.Notify[0].To != "ops" || *run.Notify[0].Message != "hi" {
		t.Errorf("%+v", run.Notify)
	}
}
