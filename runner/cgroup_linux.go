package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A cgroup is the control group of one attempt.
type cgroup struct {
	dir    string
	folder *os.File // open until the process is born in it
	bounds []string // the controllers that bound it
}

// open makes a group and sets its limits, as far as there is a controller for
// them.
func (c *Cgroups) open(name string, limits *rules.Limits) (*cgroup, error) {
	g := &cgroup{dir: filepath.Join(c.dir, name), bounds: c.controllers}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make its control group: %w", err)
	}
	err := g.limit(limits)
	if err == nil {
		g.folder, err = os.Open(g.dir)
	}
	if err != nil {
		_ = g.remove()
		return nil, fmt.Errorf("set up its control group: %w", err)
	}
	return g, nil
}

// cpuPeriod is over what time the kernel counts processors, in microseconds.
const cpuPeriod = 100_000

func (g *cgroup) limit(l *rules.Limits) error {
	if l == nil {
		return nil
	}
	if l.Memory > 0 && g.bound("memory") {
		// What may not be in memory must not go to the swap space instead; and
		// half a script is of no use to anybody.
		for _, s := range [][2]string{{"memory.swap.max", "0"}, {"memory.oom.group", "1"}} {
			if err := writeTo(g.dir, s[0], s[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err := writeTo(g.dir, "memory.max", strconv.FormatInt(l.Memory, 10)); err != nil {
			return err
		}
	}
	if l.CPU > 0 && g.bound("cpu") {
		if err := writeTo(g.dir, "cpu.max", fmt.Sprintf("%.0f %d", l.CPU*cpuPeriod, cpuPeriod)); err != nil {
			return err
		}
	}
	if l.Processes > 0 && g.bound("pids") {
		return writeTo(g.dir, "pids.max", strconv.Itoa(l.Processes))
	}
	return nil
}

func (g *cgroup) bound(controller string) bool {
	return g != nil && slices.Contains(g.bounds, controller)
}

// bear makes a process that is started with attr be born in the group.
func (g *cgroup) bear(attr *syscall.SysProcAttr) {
	if g != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.folder.Fd())
	}
}

// close gives the descriptor back that bear needs.
func (g *cgroup) close() {
	if g != nil {
		_ = g.folder.Close()
	}
}

// discard takes a group back in which nothing was started.
func (g *cgroup) discard() {
	if g != nil {
		g.close()
		_ = g.remove()
	}
}

// populated tells whether anything lives in the group or below.
func (g *cgroup) populated() bool { return readKeyed(g.dir, "cgroup.events")["populated"] > 0 }

// empty kills what lives in the group, and tells whether nothing does any more:
// a process that hangs in the kernel cannot be killed.
func (g *cgroup) empty() bool {
	const patience = 5 * time.Second
	begun, wait := time.Now(), time.Millisecond
	for g.populated() {
		if time.Since(begun) > patience {
			return false
		}
		g.kill()
		if g.populated() {
			time.Sleep(wait)
			wait = min(2*wait, 50*time.Millisecond)
		}
	}
	return true
}

// kill ends all processes at once where the kernel can (5.14), and one after the
// other where it cannot.
func (g *cgroup) kill() {
	if writeTo(g.dir, "cgroup.kill", "1") == nil {
		return
	}
	for _, pid := range g.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// processes lists what lives in the group and below.
func (g *cgroup) processes() (pids []int) {
	for _, dir := range g.folders() {
		data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 { // 0: not in our namespace
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// folders lists the group and those that the script has made in it, the deepest
// last.
func (g *cgroup) folders() (dirs []string) {
	_ = filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what is gone already is no matter
	})
	return dirs
}

// remove takes the group away, once nothing lives in it.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	err := syscall.Rmdir(g.dir)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ENOTEMPTY) { // it may have others in it
		for _, dir := range slices.Backward(g.folders()) {
			err = syscall.Rmdir(dir)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the control group %s: %w", g.dir, err)
	}
	return nil
}

// hits reads which limits the attempt has met.
func (g *cgroup) hits() (h hits) {
	if g == nil {
		return h
	}
	// "oom" counts this group's own limit, "oom_kill" also kills by an outer one.
	memory := readKeyed(g.dir, "memory.events")
	h.memory = memory["oom"] > 0 && memory["oom_kill"] > 0
	h.processes = readKeyed(g.dir, "pids.events")["max"] > 0
	h.throttled = time.Duration(readKeyed(g.dir, "cpu.stat")["throttled_usec"]) * time.Microsecond
	return h
}

// readKeyed reads a file of "name number" lines. What is missing is 0.
func readKeyed(dir, file string) map[string]int64 {
	values := map[string]int64{}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(data)) {
		name, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			values[name] = n
		}
	}
	return values
}
