//go:build race

package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// With the race detector SQLite, which is Go here, takes thirty times as long,
// and everything needs many times the memory.
func init() {
	burstEvents, burstPerGroup, burstMemory = 1000, 20, 0
	soakEvents = 1500
	serverBinary = builtBinary
	modelRounds, modelSteps = 8, 10
}

// builtBinary is hooktender as it is delivered.
func builtBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hooktender")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}
