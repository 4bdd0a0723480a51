package runner

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A gate is a FIFO at which scripts wait.
type gate struct {
	t testing.TB
	*os.File
}

func newGate(t testing.TB) *gate {
	path := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // both ways, so that opening waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &gate{t, f}
}

// wait is shell text that returns when the gate lets one through.
func (g *gate) wait() string { return "read _ < '" + g.Name() + "'" }

func (g *gate) open(n int) {
	if _, err := g.WriteString(strings.Repeat("\n", n)); err != nil {
		g.t.Error(err)
	}
}
