package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A proc is what /proc tells of one process.
type proc struct {
	pid, ppid, pgrp, session int
	state                    byte
	started                  string // in clock ticks since boot
}

// processes lists what runs next to this process. Those that end meanwhile are
// left out. Of each only the one file is opened: to list a process's folder takes
// the kernel several times as long.
func processes() []proc {
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1) // those that could be read
	var list []proc
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := statOf(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

// statOf is what /proc tells of a process, if it is there.
func statOf(pid int) (p proc, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	return parseStat(string(data))
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

func isZombie(pid int) bool {
	p, there := statOf(pid)
	return !there || p.state == 'Z' || p.state == 'X'
}

// identify names a process so that it can be told from a later one with the
// same id: boot, process id, time of start.
func identify(pid int) string {
	p, ok := statOf(pid)
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
