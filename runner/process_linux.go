package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// awaitExit returns when the leader has ended, and leaves it uncollected: as
// long as it is, no other process and no other group can get its id.
func (p *process) awaitExit() {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// collect takes the leader's exit status. It is unknown from just before that,
// because a moment later its id can be another leader's; meanwhile the reaper
// has to wait.
func (p *process) collect() {
	spawning.RLock()
	defer spawning.RUnlock()
	known.remove(p.pid)
	_ = p.cmd.Wait() // an exit code that is not 0 is an error here; the state has it
}

// A proc is what /proc tells of one process.
type proc struct {
	pid, ppid, pgrp, session int
	state                    byte
	started                  string // in clock ticks since boot
}

// processes lists what runs next to this process. Those that end meanwhile are
// left out.
func processes() []proc {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var list []proc
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil {
			if p, ok := parseStat(string(data)); ok && p.pid != os.Getpid() {
				list = append(list, p)
			}
		}
	}
	return list
}

// parseStat reads /proc/PID/stat (proc_pid_stat(5)). The name in parentheses
// may hold anything, so the fields are counted from its end.
func parseStat(stat string) (p proc, ok bool) {
	end := strings.LastIndexByte(stat, ')')
	begin := strings.IndexByte(stat, ' ')
	if end < 0 || begin < 0 {
		return p, false
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return p, false
	}
	p.state, p.started = fields[0][0], fields[19]
	for i, into := range []*int{&p.ppid, &p.pgrp, &p.session} {
		n, err := strconv.Atoi(fields[1+i])
		if err != nil {
			return p, false
		}
		*into = n
	}
	pid, err := strconv.Atoi(stat[:begin])
	p.pid = pid
	return p, err == nil
}

// tree finds the processes that belong to an attempt: its leader's group and
// session, all their descendants, and whoever carries its mark in its
// environment, with theirs. leader may be 0.
func tree(leader int, mark string) []int {
	list := processes()
	member := map[int]bool{}
	for _, p := range list {
		ours := leader > 0 && (p.pid == leader || p.pgrp == leader || p.session == leader)
		member[p.pid] = ours || carries(p.pid, mark)
	}
	for grown := true; grown; {
		grown = false
		for _, p := range list {
			if !member[p.pid] && (member[p.ppid] || member[p.pgrp]) {
				member[p.pid], grown = true, true
			}
		}
	}
	var pids []int
	for pid, in := range member {
		if in && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func carries(pid int, mark string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if string(variable) == mark {
			return true
		}
	}
	return false
}

// killTree kills an attempt's processes until none is found: one that forks
// while it is looked for is found in the next round.
func killTree(leader int, mark string) {
	const rounds = 20
	for range rounds {
		alive := false
		for _, pid := range tree(leader, mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			alive = alive || !isZombie(pid)
		}
		if !alive {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func isZombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // gone
	}
	p, ok := parseStat(string(data))
	return ok && (p.state == 'Z' || p.state == 'X')
}

// identify names a process so that it can be told from a later one with the
// same id: boot, process id, time of start.
func identify(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	p, ok := parseStat(string(data))
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s/%d/%s", bootID(), pid, p.started)
}

var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(id))
})

// stillRuns returns the id of a process named by identify, 0 if it is gone.
func stillRuns(process string) int {
	parts := strings.Split(process, "/")
	if len(parts) != 3 {
		return 0
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 1 || identify(pid) != process {
		return 0
	}
	return pid
}

// Reap collects processes that lost their parent, until ctx ends. As process 1
// of a container the kernel hands them to us; elsewhere we ask for it, so that a
// script's background children stay in sight when the script ends.
func Reap(ctx context.Context, log *slog.Logger) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		log.Warn("cannot become the parent of orphaned processes", "error", err)
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	const atMost = time.Second // one look at /proc a second is cheap, one a child is not
	for {
		reapOrphans() // at first, what died before we listened
		select {
		case <-ctx.Done():
			return
		case <-died:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(atMost):
		}
	}
}

// reapOrphans collects those of our dead children that nobody else waits for.
func reapOrphans() {
	spawning.Lock()
	defer spawning.Unlock()
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.state == 'Z' && !known.has(p.pid) {
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
		}
	}
}
