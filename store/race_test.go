//go:build race

package store

// With the race detector SQLite, which is Go here, takes thirty times as long.
func init() { history = 2_000 }
