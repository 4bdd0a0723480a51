package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTroubleshooting does what the page tells the reader to do, and compares what
// it shows.
func TestTroubleshooting(t *testing.T) { followPage(t, "troubleshooting.md", "did you mean") }

// TestTesting does so with the page about test cases.
func TestTesting(t *testing.T) { followPage(t, "testing.md", "5 cases, 1 failed") }

// followPage writes the files that a page shows, types its commands, and compares
// what it says is printed. One of those has to have the text in it.
func followPage(t *testing.T, page, shows string) {
	t.Parallel()
	r := &reader{t: t, dir: t.TempDir(), env: os.Environ()}
	r.install()
	var printed string
	shown := false
	for _, b := range blocksOf(t, "../../docs/"+page) {
		switch {
		case b.file != "":
			if err := os.WriteFile(filepath.Join(r.dir, b.file), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.lang == "sh" && b.info != "server":
			cmd := exec.Command("sh", "-uc", b.text)
			cmd.Dir, cmd.Env = r.dir, r.env
			out, _ := cmd.Output() // a rule that does not fire is exit code 1
			printed = string(out)
		case b.lang == "text":
			if strings.HasPrefix(b.text, "# ") {
				continue // a line of a file
			}
			shown = shown || strings.Contains(printed, shows)
			if b.text != printed {
				t.Errorf("line %d: the page shows\n%s\nit prints\n%s", b.line, b.text, printed)
			}
		}
	}
	if !shown {
		t.Errorf("nothing that is compared shows %q", shows)
	}
}
