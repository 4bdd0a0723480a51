//go:build race

package main

// With the race detector SQLite, which is Go here, takes thirty times as long,
// and everything needs many times the memory.
func init() {
	burstEvents, burstPerGroup, burstMemory = 1000, 20, 0
	soakEvents = 1500
	serverBinary = builtBinary
	modelRounds, modelSteps = 8, 10
}
