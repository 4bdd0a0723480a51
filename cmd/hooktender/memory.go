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
