package runner

import (
	"net/netip"
	"strconv"
	"strings"
)

// RunHeader names in a request the run that sends it: by its number, as a script
// knows it, or by what [Runner.sender] makes of that.
const RunHeader = "Hooktender-Run"

// sender names a run so that no other server takes it for its own of the same
// number: 17@NAME.
func (r *Runner) sender(run int64) string { return strconv.FormatInt(run, 10) + "@" + r.name }

// Named returns the running run that a RunHeader names, 0 if it names none of
// this runner's.
func (r *Runner) Named(header string) int64 {
	number, name, whose := strings.Cut(header, "@")
	run, err := strconv.ParseInt(number, 10, 64)
	if err != nil || whose && name != r.name || !r.Running(run) {
		return 0
	}
	return run
}

// A Conn is a connection as this process sees it, whose other end is on this
// machine: a Unix socket's by its process, a TCP connection by its addresses.
type Conn struct {
	PID           int            // of the other end; 0 for TCP
	Local, Remote netip.AddrPort // of TCP
}

// Running tells whether a run is running.
func (r *Runner) Running(run int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[run] != nil
}

// Holder returns the running run that has a process at the other end of a
// connection, 0 if none has or that cannot be found out. It is not looked for
// while nothing runs.
func (r *Runner) Holder(c Conn) (run int64, looked bool) {
	if running, _ := r.Load(); running == 0 {
		return 0, false
	}
	if run = r.holder(c); !r.Running(run) {
		run = 0
	}
	return run, true
}
