package runner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the leader has ended, and leaves it uncollected: as
// long as it is, no other process and no other group can get its id.
func (p *process) awaitExit() {
	if p.pollExit() != nil {
		p.blockUntilExit()
	}
}

// blockUntilExit has a thread of ours wait for it, where Linux is older than 5.10.
func (p *process) blockUntilExit() {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// pollExit waits for the end as others do for a connection, which takes no thread
// (pidfd_open(2)). The error says that the system cannot tell it so.
func (p *process) pollExit() error {
	fd, err := unix.PidfdOpen(p.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var asked error
	waited := raw.Read(func(fd uintptr) bool {
		var info unix.Siginfo
		asked = unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		return asked != nil || info.Signo != 0
	})
	return cmp.Or(waited, asked)
}

// collect takes the leader's exit status. It is unknown from just before that,
// because a moment later its id can be another leader's; meanwhile the reaper
// has to wait.
func (p *process) collect() {
	counting.Lock()
	defer counting.Unlock()
	known.remove(p.pid)
	_ = p.cmd.Wait() // an exit code that is not 0 is an error here; the state has it
}

// Reap collects processes that lost their parent, until ctx ends. As process 1
// of a container the kernel hands them to us; elsewhere we ask for it, so that a
// script's background children stay in sight when the script ends.
func Reap(ctx context.Context, log *slog.Logger) {
	if err := adoptOrphans(); err != nil {
		log.Warn("cannot become the parent of orphaned processes; each end of a run looks at all processes instead", "error", err)
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	const atMost = time.Second // one look at /proc a second is cheap, one a child is not
	for {
		if reapOrphans() { // at first, what died before we listened
			select {
			case <-ctx.Done():
				return
			case <-died:
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(atMost):
		}
	}
}

// adoptOrphans asks for the processes whose parent dies below us. Process 1 gets
// them anyway.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil && os.Getpid() != 1 {
		return err
	}
	orphansComeToUs.Store(true)
	return nil
}

// reapOrphans collects those of our dead children that nobody else waits for. One that
// is not known may be a script that was over as soon as it was started: as long as
// starts are under way, orphans stay for the next time; it tells whether none had to.
func reapOrphans() (all bool) {
	orphans := deadOrphans()
	if len(orphans) == 0 {
		return true
	}
	if !starting.await(startsWithin) {
		return false
	}
	for _, pid := range orphans {
		reap(pid)
	}
	return true
}

func reap(pid int) {
	counting.Lock()
	defer counting.Unlock()
	if !known.has(pid) && isZombie(pid) {
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// startsWithin is how long the start of a process takes at most, unless it hangs.
const startsWithin = 100 * time.Millisecond

// deadOrphans lists our dead children that we did not start.
func deadOrphans() (pids []int) {
	if children, ok := ownChildren(); ok {
		return slices.DeleteFunc(children, func(pid int) bool { return known.has(pid) || !isZombie(pid) })
	}
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.state == 'Z' && !known.has(p.pid) {
			pids = append(pids, p.pid)
		}
	}
	return pids
}
