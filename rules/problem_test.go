package rules

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.bad.txt and *.warn.txt anew")

// Each testdata/*.bad.yaml holds one mistake and is named after it; *.bad.txt
// beside it says what the person who made it reads. Folders *.bad are mistakes
// that take two files.
func TestProblems(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	t.Setenv("EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	for _, pattern := range []string{"testdata/*.bad.yaml", "testdata/*.bad"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			t.Run(name, func(t *testing.T) { checkProblems(t, file, "testdata/"+name+".txt") })
		}
	}
}

func checkProblems(t *testing.T, file, golden string) {
	_, err := Load(file)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load: %v, want Problems", err)
	}
	checkGolden(t, problems, golden)
}

func checkGolden(t *testing.T, problems Problems, golden string) {
	t.Helper()
	got := withoutFolder(t, problems.Error()) + "\n"
	if strings.Contains(got, secretValue) {
		t.Errorf("shows a secret:\n%s", got)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// withoutFolder takes out where the test happens to run.
func withoutFolder(t *testing.T, s string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(s, dir+string(filepath.Separator), "")
}

func TestProblemsAreSorted(t *testing.T) {
	_, err := Load("testdata/many.bad.yaml")
	var problems Problems
	if !errors.As(err, &problems) || len(problems) < 5 {
		t.Fatalf("got %v, want all problems at once", err)
	}
	sorted := slices.Clone(problems)
	sorted.Sort()
	if !slices.Equal(problems, sorted) {
		t.Errorf("not in order of their places:\n%v", problems)
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"timeout", "when", "run"}
	for name, want := range map[string]string{
		"timout":  `; did you mean "timeout"?`,
		"TIMEOUT": `; did you mean "timeout"?`,
		"wehn":    `; did you mean "when"?`,
		"xyz":     "; known are run, timeout, when",
		"":        "; known are run, timeout, when",
	} {
		if got := didYouMean(name, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", name, got, want)
		}
	}
}
