package runner

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// tree finds the processes that belong to an attempt: its leader's group and
// session, all their descendants, and whoever carries its mark in its
// environment, with theirs. leader may be 0. of is the process below which all of
// them are: at(1) and others give what they start the environment of who asked
// them to. It is 0 where that is not known, because that process is dead.
func tree(leader int, mark string, of int) []int {
	list := processes()
	below := map[int]bool{of: true}
	grow(below, list, func(p proc) bool { return below[p.ppid] })
	member := map[int]bool{}
	for _, p := range list {
		if leader > 0 && (p.pid == leader || p.pgrp == leader || p.session == leader) || (of == 0 || below[p.pid]) && carries(p.pid, mark) {
			member[p.pid] = true
		}
	}
	grow(member, list, func(p proc) bool { return member[p.ppid] || member[p.pgrp] })
	var pids []int
	for pid, in := range member {
		if in && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// grow adds processes to a set until there are no more that belong to it.
func grow(set map[int]bool, list []proc, belongs func(proc) bool) {
	for grown := true; grown; {
		grown = false
		for _, p := range list {
			if !set[p.pid] && belongs(p) {
				set[p.pid], grown = true, true
			}
		}
	}
}

// ourselves is the process below which our attempts' processes are, 0 if some
// of them may have got away.
func ourselves() int {
	if orphansComeToUs.Load() {
		return os.Getpid()
	}
	return 0
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
func killTree(leader int, mark string, of int) {
	const rounds = 20
	for range rounds {
		alive := false
		for _, pid := range tree(leader, mark, of) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			alive = alive || !isZombie(pid)
		}
		if !alive {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// orphansComeToUs tells that this process gets the children of its dead
// children, as Reap asks the kernel for.
var orphansComeToUs atomic.Bool

// counting is held while our children are counted, and while one is taken off
// the kernel's list, which must not get shorter under the eyes of its reader.
var counting sync.Mutex

// hasOrphans tells whether anything may be left of scripts whose leaders are
// dead: a child of ours that lives and that we did not start. The kernel gives
// us a dead process's children before it tells of its death, so what a script
// left behind is seen here when its leader is known to have ended. Where the
// kernel does not say, the answer is yes. It is only this cheap look that each
// run pays for; whose the orphan is, tree finds out.
func hasOrphans() bool {
	if !orphansComeToUs.Load() {
		return true
	}
	children, ok := ownChildren()
	unknown := slices.DeleteFunc(children, known.has)
	if len(unknown) == 0 {
		return !ok
	}
	starting.await(startsWithin) // mostly it is a script that was being started
	return slices.ContainsFunc(unknown, func(pid int) bool { return !known.has(pid) && !isZombie(pid) })
}

// ownChildren lists the children that the main thread has: among them every
// orphan, which the kernel gives to a process's first living thread, and ours
// never ends. The file needs a kernel with CONFIG_PROC_CHILDREN.
func ownChildren() (pids []int, ok bool) {
	file, err := childrenFile()
	if err != nil {
		return nil, false
	}
	counting.Lock()
	data, err := io.ReadAll(io.NewSectionReader(file, 0, math.MaxInt64))
	counting.Unlock()
	if err != nil {
		return nil, false
	}
	for field := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, true
}

// childrenFile stays open: it is read at each end of a run.
var childrenFile = sync.OnceValues(func() (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
})
