package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestExamplesAreRun: a script of the command line runs each recipe, or a test
// stages it, and the list of them has it.
func TestExamplesAreRun(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob("recipe_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range append(scripts, tests...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob("../../examples/*/hooktender.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range folders {
		name := filepath.Base(filepath.Dir(file))
		if name == "quickstart" {
			continue // is what `hooktender demo` runs
		}
		if !strings.Contains(text.String(), "$EXAMPLES/"+name) && !strings.Contains(text.String(), `stage(t, "`+name+`"`) {
			t.Errorf("no script and no test runs examples/%s", name)
		}
		if !strings.Contains(string(readme), "(examples/"+name+")") {
			t.Errorf("README.md does not list examples/%s", name)
		}
	}
}

// scriptReadme does what a recipe's README says to type, to the server at ADDRESS.
func scriptReadme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readme FOLDER ADDRESS")
	}
	text := ""
	for i, part := range strings.Split(ts.ReadFile(filepath.Join(args[0], "README.md")), "```") {
		if commands, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 {
			text += strings.NewReplacer("127.0.0.1:9000", args[1], "/srv/website", ts.MkAbs("website")).Replace(commands)
		}
	}
	ts.Check(ts.Exec("sh", "-euc", text))
}
