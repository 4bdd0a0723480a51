//go:build !race

// The race detector changes what is allocated, so this is tested without it:
// make test does that.

package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write allocations.txt anew")

// What a step may allocate beyond the table. Where processes and goroutines take
// turns no two runs are alike.
const (
	spareShare  = 0.10
	spareAllocs = 3
	spareBytes  = 512
)

const allocationsFile = "allocations.txt"

// TestAllocations holds what each step of a request allocates: unlike its time it
// is the same on every machine. Less is good news and changes nothing until the
// table is written anew.
func TestAllocations(t *testing.T) {
	table := map[string]cost{}
	if !*update {
		table = readAllocations(t)
	}
	text := allocationsHead
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			got := costOf(s.make(t))
			text += fmt.Sprintf("%-16s %7.0f %9.0f\n", strings.ReplaceAll(s.name, " ", "-"), got.allocs, got.bytes)
			was, known := table[s.name]
			if *update {
				return
			}
			if !known {
				t.Fatalf("%s is not in %s; go test ./bench -run Allocations -update", s.name, allocationsFile)
			}
			spare := 1 + cmp.Or(s.spare, spareShare)
			if got.allocs > was.allocs*spare+spareAllocs || got.bytes > was.bytes*spare+spareBytes {
				t.Errorf("%s: %.0f allocations and %.0f bytes, were %.0f and %.0f; if that is meant: go test ./bench -run Allocations -update",
					s.name, got.allocs, got.bytes, was.allocs, was.bytes)
			}
		})
	}
	if len(table) > len(steps) {
		t.Errorf("%s has more steps than there are; go test ./bench -run Allocations -update", allocationsFile)
	}
	if *update {
		if err := os.WriteFile(allocationsFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const allocationsHead = `# What each step of a request allocates, each time: the step, how often, bytes.
# go test ./bench -run Allocations fails if it is more, -update writes it anew.
`

type cost struct{ allocs, bytes float64 }

func readAllocations(t *testing.T) map[string]cost {
	text, err := os.ReadFile(allocationsFile)
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]cost{}
	for line := range strings.Lines(strings.TrimPrefix(string(text), allocationsHead)) {
		var name string
		var c cost
		if _, err := fmt.Sscan(line, &name, &c.allocs, &c.bytes); err != nil {
			t.Fatalf("%s: %q: %v", allocationsFile, line, err)
		}
		table[strings.ReplaceAll(name, "-", " ")] = c
	}
	return table
}

// costOf is the least of several batches: what others allocate meanwhile is none
// of it. The collector rests, because it empties the pools.
func costOf(do func()) cost {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const batches, size = 5, 40
	for range size {
		do()
	}
	var least cost
	for batch := range batches {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range size {
			do()
		}
		runtime.ReadMemStats(&after)
		c := cost{float64(after.Mallocs-before.Mallocs) / size, float64(after.TotalAlloc-before.TotalAlloc) / size}
		if batch == 0 {
			least = c
		}
		least = cost{min(least.allocs, c.allocs), min(least.bytes, c.bytes)}
	}
	return least
}
