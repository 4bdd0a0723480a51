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
func TestTroubleshooting(t *testing.T) {
	r := &reader{t: t, dir: t.TempDir(), env: os.Environ()}
	r.install()
	var printed string
	compared := 0
	for _, b := range blocksOf(t, "../../docs/troubleshooting.md") {
		switch {
		case b.file != "":
			if err := os.WriteFile(filepath.Join(r.dir, b.file), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.lang == "sh":
			cmd := exec.Command("sh", "-uc", b.text)
			cmd.Dir, cmd.Env = r.dir, r.env
			out, _ := cmd.Output() // a rule that does not fire is exit code 1
			printed = string(out)
		case b.lang == "text":
			compared++
			if b.text != printed {
				t.Errorf("line %d: the page shows\n%s\nit prints\n%s", b.line, b.text, printed)
			}
		}
	}
	if compared == 0 || !strings.Contains(printed, "did you mean") {
		t.Error("nothing was compared")
	}
}
