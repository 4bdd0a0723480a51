package runner

import "net/netip"

// RunHeader names in a request the run that sends it.
const RunHeader = "Hooktender-Run"

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
