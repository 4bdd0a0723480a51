package main

import (
	"os"
	"runtime/debug"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

// limitMemory has the garbage collector keep garbage from becoming a multiple of
// what large bodies need, unless the operator said himself what is to be kept to.
func limitMemory(c *rules.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(server.SoftMemory(c.Server.MaxBody))
	}
}

// collectSeldom has the garbage of a start collected seldom, until what it returns is
// called: little of what is read and compiled is garbage already, and a heap that
// only grows would be looked through again and again. What the operator has set
// counts instead.
func collectSeldom() (asUsual func()) {
	const seldom, usual = 400, 100 // percent; usual is Go's own
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	debug.SetGCPercent(seldom)
	return func() { debug.SetGCPercent(usual) }
}
