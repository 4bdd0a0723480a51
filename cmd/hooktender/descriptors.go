package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// descriptors is how many files and connections the process may have open at once.
// Go has raised that already to what the system lets it have.
func descriptors() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // nobody says
	}
	return uint64(limit.Cur) // of another type on some systems
}
