//go:build race

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// With the race detector SQLite, which is Go here, takes thirty times as long,
// and everything needs many times the memory.
func init() {
	soakEvents = 1500
	modelRounds, modelSteps = 8, 10
	delivered = func(t *testing.T) string {
		t.Helper()
		binary, err := build()
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
}

// build makes the binary once for all tests.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(lasting, "hooktender")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})
