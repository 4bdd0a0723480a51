package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"
)

// githubSamples are the recorded deliveries and the fields beside them, as the
// command line hands them in.
func githubSamples(t testing.TB) []Sample {
	t.Helper()
	const folder = "../cmd/hooktender/payloads"
	files, err := filepath.Glob(folder + "/github/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no payloads", err)
	}
	var samples []Sample
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		samples = append(samples, Sample{"github", event, data})
	}
	data, err := os.ReadFile(folder + "/github.fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for event, payload := range fields {
		samples = append(samples, Sample{"github", event, payload})
	}
	return samples
}

// given has these samples at hand.
func given(samples []Sample) Samples {
	return func(provider string) (of []Sample, _ error) {
		for _, s := range samples {
			if s.Provider == provider {
				of = append(of, s)
			}
		}
		return of, nil
	}
}

// Each testdata/*.warn.yaml holds one kind of thing that is allowed and hardly
// meant, and beside it what looks alike and is fine; *.warn.txt says what check
// tells of it.
func TestWarnings(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	files, err := filepath.Glob("testdata/*.warn.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	samples := githubSamples(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			if _, err := Load(file); err != nil {
				t.Fatal(err)
			}
			report, err := Check(file, given(samples), false)
			if err != nil || report.Config == nil || report.Problems.Count(Error) > 0 {
				t.Fatal(report, err)
			}
			checkGolden(t, report.Problems, "testdata/"+name+".txt")
		})
	}
}

// What is looked at later, while it is in use, is told as when it is looked at at once.
func TestLoadToCheck(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	samples := given(githubSamples(t))
	for _, file := range []string{"testdata/unknown-field.warn.yaml", "testdata/unreachable.warn.yaml", "testdata/watch.warn.yaml"} {
		config, loaded, err := LoadToCheck(file)
		if err != nil {
			t.Fatal(err)
		}
		var using sync.WaitGroup
		using.Go(func() {
			for _, h := range config.Set.All() {
				_, _, _ = h.Evaluate(push(`{"ref": "refs/heads/main"}`))
			}
		})
		later, err := loaded.Report(samples)
		using.Wait()
		if err != nil || later.Config != config {
			t.Errorf("%s: %v, of another configuration: %v", file, err, later.Config != config)
		}
		atOnce, err := Check(file, samples, false)
		if err != nil || len(later.Problems) == 0 || !slices.Equal(later.Problems, atOnce.Problems) || len(later.Programs) != len(atOnce.Programs) {
			t.Errorf("%s: later\n%v\nat once\n%v, %v", file, later.Problems, atOnce.Problems, err)
		}
	}
	if config, loaded, err := LoadToCheck("testdata/many.bad.yaml"); err == nil || loaded != nil || config == nil {
		t.Errorf("of a broken file there are %v and %v, %v", config, loaded, err)
	}
}

// Check says everything that Load does, and goes on with what can be read.
func TestCheckBroken(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	files, err := filepath.Glob("testdata/*.bad*")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	samples := githubSamples(t)
	for _, file := range files {
		if strings.HasSuffix(file, ".txt") {
			continue
		}
		_, loaded := Load(file)
		report, err := Check(file, given(samples), false)
		if err != nil || report.Config != nil {
			t.Fatalf("%s: %v, %+v", file, err, report)
		}
		var errors Problems
		for _, p := range report.Problems {
			if p.Severity == Error {
				errors = append(errors, p)
			}
		}
		if errors.Error() != loaded.Error() {
			t.Errorf("%s: Check says\n%v\nand Load\n%v", file, errors, loaded)
		}
	}
	both := writeFiles(t, map[string]string{"a.yaml": `hooks: {/a: {verify: none, rules: [{run: make, when: "x &&"}, {run: make, when: "x != 1 || x != 2", tiemout: 1s}]}}`})
	report, err := Check(both, nil, false)
	if err != nil || report.Problems.Count(Warning) != 2 || report.Problems.Count(Error) != 2 {
		t.Errorf("%v %v, want two of each", report.Problems, err)
	}
	if _, err := Check(filepath.Join(t.TempDir(), "missing.yaml"), given(samples), false); err == nil {
		t.Error("a file that is not there is no error")
	}
	if _, err := Check("testdata/unknown-field.warn.yaml", given([]Sample{{"github", "push", []byte("{")}}), false); err == nil {
		t.Error("a sample that is not JSON is no error")
	}
}

// What a rule starts is known with the place of each part, wherever it is said.
func TestPrograms(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	dir := writeFiles(t, map[string]string{"hooktender.yaml": `
defaults:
  shell: bash
  env: {PATH: /opt/bin}
hooks:
  /a:
    verify: {bearer: "${env:TOKEN}"}
    rules:
      - name: one
        run: ./one.sh "$X"
      - name: two
        run: [two, "{{ ref }}"]
        dir: /srv
        shell: [zsh, -c]
        env: {PATH: "/usr/bin:{{ ref }}"}
      - run: ["{{ program }}"]
        env: {PATH: ""}
`})
	report, err := Check(filepath.Join(dir, "hooktender.yaml"), nil, false)
	if err != nil || len(report.Problems) > 0 || len(report.Programs) != 3 {
		t.Fatalf("%+v %v", report, err)
	}
	one, two, three := report.Programs[0], report.Programs[1], report.Programs[2]
	for _, c := range []struct{ what, got, want string }{
		{"script", one.Script, `./one.sh "$X"`},
		{"folder", one.Dir, dir},
		{"shell", strings.Join(one.Shell, " "), "bash -c"},
		{"path", *one.Path, "/opt/bin"},
		{"run", one.RunAt.Problem(Warning, "").Error(), dir + `/hooktender.yaml:10:14: warning: hook "/a", rule "one": run: `},
		{"shell's place", one.ShellAt.Where, "defaults: shell"},
		{"program", two.Name + two.Script, "two"},
		{"folder", two.Dir, "/srv"},
		{"folder's place", two.DirAt.Where, `hook "/a", rule "two": dir`},
		{"shell", strings.Join(two.Shell, " "), "zsh -c"},
		{"unknown program", three.Name, ""},
		{"empty path", *three.Path, ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if one.DirAt != (Place{}) || !two.PathUnknown || two.Path != nil || one.PathUnknown {
		t.Errorf("%+v %+v", one, two)
	}
}

// The files with secrets in them are those of references, and a configuration in
// which a verify has one written out.
func TestExposed(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	for verify, want := range map[string]string{
		`{github: "${env:TOKEN}"}`:                                      "",
		`{github: "${file:token}"}`:                                     "token",
		`{github: ["${env:TOKEN}", "${file:token}"]}`:                   "token",
		`{github: written-out}`:                                         "hooktender.yaml, written",
		`{github: ["${env:TOKEN}", written-out]}`:                       "hooktender.yaml, written",
		`{token: {header: X-Token, secret: written-out}}`:               "hooktender.yaml, written",
		`{token: {header: X-Token, secret: "${env:TOKEN}"}}`:            "",
		`{basic: {user: anna, password: written-out}}`:                  "hooktender.yaml, written",
		`{hmac: {header: X, secret: "a-${env:TOKEN}", prefix: "sha="}}`: "",
		`{hmac: {header: X, secret: [written-out], algorithm: sha256}}`: "hooktender.yaml, written",
		`{github: ""}`: "", // an error, and no secret
		`none`:         "",
	} {
		dir := writeFiles(t, map[string]string{
			"hooktender.yaml": "hooks: {/a: {verify: " + verify + ", rules: [{run: make, env: {secret: public}}]}}",
			"token":           secretValue,
		})
		report, err := Check(filepath.Join(dir, "hooktender.yaml"), nil, false)
		if err != nil {
			t.Fatal(verify, err)
		}
		var got []string
		for _, s := range report.Exposed {
			name, err := filepath.Rel(dir, s.Path)
			if err != nil {
				t.Fatal(err)
			}
			if s.Written {
				name += ", written"
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", verify, got, want)
		}
	}
}

// A problem knows in JSON what it is, and an error needs nothing to be one.
func TestSeverity(t *testing.T) {
	for _, p := range []Problem{{What: "a"}, {What: "b", Severity: Warning}} {
		data, err := json.Marshal(p)
		var back Problem
		if err != nil || !strings.Contains(string(data), `"severity":"`+p.Severity.String()+`"`) {
			t.Errorf("%s %v", data, err)
		}
		if err := json.Unmarshal(data, &back); err != nil || back != p {
			t.Errorf("%+v comes back as %+v: %v", p, back, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"severity": "fatal"}`), &Problem{}); err == nil {
		t.Error("fatal is taken for a severity")
	}
}

// FuzzLint: whatever a condition says, check says something about it or nothing,
// points into it, says it twice the same, and calls nothing always or never true
// that is not so for some payload.
func FuzzLint(f *testing.F) {
	for _, c := range conditionCases {
		f.Add(c.when)
	}
	files, _ := filepath.Glob("testdata/*.warn.yaml")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if _, when, ok := strings.Cut(line, "when: '"); ok {
				f.Add(when[:strings.LastIndexByte(when, '\'')])
			}
		}
	}
	known, err := learn(githubSamples(f))
	if err != nil {
		f.Fatal(err)
	}
	recorded, err := os.ReadFile("testdata/push.json")
	if err != nil {
		f.Fatal(err)
	}
	bodies := []string{`{}`, string(recorded), `{"x": 1, "y": true, "ref": "a", "load": 6}`, `{"x": "1", "y": false, "ref": "b", "load": 4, "deleted": true}`}
	f.Fuzz(func(t *testing.T, when string) {
		compiled, err := compileExpression(when)
		if err != nil {
			return
		}
		always := undecided
		lint := func() Problems {
			l := &linter{known: known, report: &Report{}}
			lines := strings.Split(when, "\n")
			n := node{Node: &yaml.Node{Kind: yaml.ScalarNode, Line: 1, Column: 1, Value: when}, file: &source{path: "f", lines: lines}}
			if text := l.text(n, "", when); text != nil {
				always = l.condition(&scope{provider: known["github"], params: []string{"a"}}, text)
			}
			return l.report.Problems
		}
		first := lint()
		for _, p := range first {
			if p.Severity != Warning || p.Line < 1 || p.Col < 1 || strings.TrimSpace(p.What) == "" {
				t.Errorf("%q: %+v", when, p)
			}
		}
		if again := lint(); again.Error() != first.Error() {
			t.Errorf("%q: first\n%v\nthen\n%v", when, first, again)
		}
		for _, body := range bodies {
			holds, err := compiled.holds(envOf(t, push(body)))
			if holds && always == neverTrue || err == nil && !holds && always == alwaysTrue {
				t.Errorf("%q gives %v for %.40s, and lint says otherwise:\n%v", when, holds, body, first)
			}
		}
	})
}

// No field of a recorded delivery is warned of, compared with the very value that
// it has there.
func TestNoFalseAlarm(t *testing.T) {
	samples := githubSamples(t)
	known, err := learn(samples)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range samples {
		payload, err := readJSON(s.Payload, everything)
		if err != nil {
			t.Fatal(err)
		}
		var conditions []string
		var walk func(path string, value any)
		walk = func(path string, value any) {
			switch v := value.(type) {
			case map[string]any:
				for name, below := range v {
					if strings.Contains(name, "/") || strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
						name = fmt.Sprintf("[%q]", name)
					} else {
						name = strings.TrimPrefix("."+name, map[bool]string{true: "."}[path == ""])
					}
					walk(path+name, below)
				}
			case []any:
				for i, below := range v {
					walk(fmt.Sprintf("%s[%d]", path, i), below)
				}
			default:
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if v == nil {
					text = []byte("nil")
				}
				conditions = append(conditions, path+" == "+string(text), string(text)+" != "+path)
			}
		}
		walk("", payload)
		l := &linter{known: known, report: &Report{}}
		for _, c := range conditions {
			for _, when := range []string{c, fmt.Sprintf("request.event == %q && %s", s.Event, c)} {
				n := node{Node: &yaml.Node{Kind: yaml.ScalarNode, Line: 1, Column: 1, Value: when}, file: &source{path: "f", lines: []string{when}}}
				text := l.text(n, "", when)
				if text == nil {
					t.Fatal(when)
				}
				l.condition(&scope{provider: known["github"]}, text)
				asked++
			}
		}
		if len(l.report.Problems) > 0 {
			t.Errorf("%s: %v", s.Event, l.report.Problems)
		}
	}
	if asked < 10000 {
		t.Errorf("only %d conditions were asked", asked)
	}
}
