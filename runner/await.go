package runner

import (
	"os"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// drain is how long, once the script has ended, its output may take to end when
// a child that it left behind holds the pipe. Then the child is ended, too.
const drain = 500 * time.Millisecond

// await returns when the script and all it started have ended: by themselves,
// or by TERM, the grace, and KILL.
func (a *attempt) await(p *process, c *rules.Command) *os.ProcessState {
	timeout := time.NewTimer(time.Duration(c.Timeout))
	defer timeout.Stop()
	a.note(p)
	patience := drain
	select {
	case <-p.exited:
	case <-timeout.C:
		a.end(timedOut)
		patience = a.terminate(p, time.Duration(c.Grace))
	case <-a.stop:
		grace := time.Duration(c.Grace)
		if a.endedBy() == limited {
			grace = 0 // it would take still more meanwhile
		}
		patience = a.terminate(p, grace)
	}
	cause := a.settle()
	select {
	case <-p.eof:
	case <-time.After(patience):
	case <-a.r.killing.Done():
	}
	if cause != none || p.leftBehind() {
		p.kill(a.mark())
	}
	return p.release()
}

// noteAfter is how long a process is not worth a note: the write takes about as
// long, and most scripts that end so soon would be gone before it.
const noteAfter = 10 * time.Millisecond

// note keeps who the process is, unless it has ended in a moment.
func (a *attempt) note(p *process) {
	select {
	case <-p.exited:
	case <-a.stop:
	case <-time.After(noteAfter):
		a.r.Store.NoteProcess(a.id, identify(p.pid))
	}
}

// terminate sends TERM and, after the grace, KILL. It returns when the leader
// has ended, with what is left of the grace for its children.
func (a *attempt) terminate(p *process, grace time.Duration) time.Duration {
	begun := time.Now()
	p.terminate()
	select {
	case <-p.exited:
		return max(grace-time.Since(begun), 0)
	case <-time.After(grace):
	case <-a.r.killing.Done():
	}
	p.kill(a.mark())
	<-p.exited
	return 0
}
