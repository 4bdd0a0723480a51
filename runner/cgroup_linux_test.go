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
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// mountedCgroup makes a real group for the test and moves this process into it,
// as a service manager would. Where the machine gives us none, why says so.
func mountedCgroup(t *testing.T) (own string, why error) {
	t.Helper()
	root, err := thisHost.ownGroup()
	if err != nil {
		return "", err
	}
	own = filepath.Join(root, fmt.Sprintf("hooktender-test-%d", os.Getpid()))
	if err := os.Mkdir(own, 0o755); err != nil {
		return "", err
	}
	pid := strconv.Itoa(os.Getpid())
	t.Cleanup(func() {
		g := &cgroup{dir: own}
		if err := errors.Join(writeTo(root, "cgroup.procs", pid), g.remove()); err != nil {
			t.Error(err)
		}
	})
	return own, writeTo(own, "cgroup.procs", pid)
}

// openWithCgroups makes a runner whose attempts have groups if this machine has
// any, in a process of its own. It returns nil where it has none, when it has
// made sure that a server there would be told why, and go on without.
func openWithCgroups(t *testing.T, atOnce int) *house {
	t.Helper()
	if _, why := mountedCgroup(t); why != nil {
		t.Logf("no control groups on this machine: %v", why)
		if c, err := OpenCgroups(t.TempDir()); c != nil || err == nil {
			t.Errorf("the server has some, %+v", c)
		}
		return nil
	}
	dir := t.TempDir()
	host := thisHost
	host.booted = filepath.Join(dir, "no-systemd")
	groups, err := openCgroups(host, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := groups.Close(); err != nil {
			t.Error(err)
		}
	})
	h := open(t, atOnce)
	h.runner.Cgroups = groups
	return h
}

// What nothing else finds dies with its group: daemons without parent, session
// and environment.
func TestCgroupEndsWhatCannotBeFound(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	h := openWithCgroups(t, 2)
	if h == nil {
		return
	}
	if err := adoptOrphans(); err != nil {
		t.Fatal(err)
	}
	const lost = `(env -i setsid sh -c 'setsid sh -c "echo pid \$\$; exec sleep 1000" &' &); `
	for _, script := range []string{lost + `sleep 0.2`, lost + `sleep 0.2; exit 3`, `exec >/dev/null; sleep 1000 & true; echo pid $$`} {
		takesUnder(t, 10*time.Second, func() {
			run, text := h.run(sh(script))
			if !strings.HasPrefix(script, "exec") {
				allDead(t, pidsIn(t, text, 1))
			}
			if want := map[bool]State{true: Failed, false: Succeeded}[strings.Contains(script, "exit 3")]; run.State != want {
				t.Errorf("%s: %s %s", script, run.State, run.Error)
			}
		})
	}
	c := sh(lost + `sleep 1000`)
	c.Timeout, c.Grace = rules.Duration(500*time.Millisecond), rules.Duration(100*time.Millisecond)
	run, text := h.run(c)
	if run.State != TimedOut {
		t.Errorf("%s %s", run.State, run.Error)
	}
	allDead(t, pidsIn(t, text, 1))
	if left, _ := filepath.Glob(filepath.Join(h.runner.Cgroups.dir, "*-*")); len(left) > 0 {
		t.Errorf("groups are left: %v", left)
	}
}

// A script is born in its group, and what it makes of groups inside goes, too.
func TestCgroupOfAScript(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	h := openWithCgroups(t, 2)
	if h == nil {
		return
	}
	run, text := h.run(sh("cat /proc/self/cgroup"))
	if want := filepath.Base(h.runner.Cgroups.dir) + "/" + attemptName(run) + "\n"; !strings.Contains(text, want) {
		t.Errorf("it is in %q, want %q", text, want)
	}
	run, text = h.run(sh("mkdir -p " + h.runner.Cgroups.dir + "/2-1/a/b && sleep 1000 >/dev/null & echo pid $!; echo $! >" + h.runner.Cgroups.dir + "/2-1/a/b/cgroup.procs || sleep 0.1; cat /dev/null"))
	allDead(t, pidsIn(t, text, 1))
	if _, err := os.Stat(filepath.Join(h.runner.Cgroups.dir, "2-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: its group is left (%v)", run.State, err)
	}
	if os.Geteuid() == 0 {
		c := sh("cat /proc/self/cgroup; id -u")
		c.User, c.Dir = stranger, "/"
		run, text = h.run(c)
		if !strings.Contains(text, attemptName(run)+"\n"+strconv.Itoa(int(other(t).uid))) {
			t.Errorf("as another user it is in %q", text)
		}
	}
	if run, _ := h.run(list("/nothing/there")); run.State != Failed {
		t.Errorf("%s", run.State)
	}
}

// A server that was killed leaves groups; the next one on its state ends them.
func TestCgroupsOfAKilledServer(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	h := openWithCgroups(t, 2)
	if h == nil {
		return
	}
	g, err := h.runner.Cgroups.open("77-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(&launch{argv: []string{"/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo pid $!; sleep 1000"}, group: g}, func(Stream, []byte, time.Time) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	p.release()
	if _, err := os.Stat(g.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the group is left: %v", err)
	}
}

// Without cgroup.kill, as before Linux 5.14, each process is killed by itself.
func TestKillOneByOne(t *testing.T) {
	dir := t.TempDir()
	p, err := start(&launch{argv: []string{"/bin/sleep", "1000"}}, func(Stream, []byte, time.Time) {})
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "cgroup.procs", "")
	write(t, below, "cgroup.procs", fmt.Sprintf("0\n%d\n", p.pid))
	(&cgroup{dir: dir}).kill()
	<-p.exited
	if state := p.release(); signalName(state) != "SIGKILL" {
		t.Errorf("it ended with %v", state)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var limitFiles = []string{"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"}

// What is written for the kernel, as its documentation wants it.
func TestLimitsOfACgroup(t *testing.T) {
	all := rules.Limits{Memory: 512 << 20, CPU: 1.5, Processes: 100}
	for _, c := range []struct {
		name   string
		bounds []string
		limits rules.Limits
		want   []string // of limitFiles
	}{
		{"all", wantedControllers, all, []string{"536870912", "0", "1", "150000 100000", "100"}},
		{"none", wantedControllers, rules.Limits{}, []string{"-", "-", "-", "-", "-"}},
		{"a little", wantedControllers, rules.Limits{CPU: 0.01}, []string{"-", "-", "-", "1000 100000", "-"}},
		{"no controllers", nil, all, []string{"-", "-", "-", "-", "-"}},
		{"only pids", []string{"pids"}, all, []string{"-", "-", "-", "-", "100"}},
	} {
		dir := t.TempDir()
		for _, f := range limitFiles {
			write(t, dir, f, "-")
		}
		if err := (&cgroup{dir: dir, bounds: c.bounds}).limit(&c.limits); err != nil {
			t.Error(err)
		}
		var got []string
		for _, f := range limitFiles {
			got = append(got, strings.TrimSuffix(content(t, dir, f), "-"))
			if got[len(got)-1] == "" {
				got[len(got)-1] = "-"
			}
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: %s is %q, want %q", c.name, limitFiles[i], got[i], c.want[i])
			}
		}
	}
	// A kernel that counts no swap space has no file for it.
	dir := t.TempDir()
	write(t, dir, "memory.max", "")
	if err := (&cgroup{dir: dir, bounds: wantedControllers}).limit(&rules.Limits{Memory: 4096}); err != nil || content(t, dir, "memory.max") != "4096" {
		t.Error(err)
	}
	if err := (&cgroup{dir: dir, bounds: wantedControllers}).limit(&rules.Limits{Processes: 1}); err == nil {
		t.Error("a limit that cannot be set is no error")
	}
}

// What the kernel tells at the end.
func TestHitsOfACgroup(t *testing.T) {
	for _, c := range []struct {
		name, memory, pids, cpu string
		want                    hits
	}{
		{"nothing there", "", "", "", hits{}},
		{"in bounds", "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n", "max 0\n", "usage_usec 5\nthrottled_usec 0\n", hits{}},
		{"memory", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n", "max 0\n", "", hits{memory: true}},
		{"killed for another's memory", "max 0\noom 0\noom_kill 1\n", "", "", hits{}},
		{"processes", "", "max 7\n", "", hits{processes: true}},
		{"cpu", "", "", "usage_usec 9\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2500000\n", hits{throttled: 2500 * time.Millisecond}},
		{"nonsense", "oom x\noom_kill\n\n", "max", "throttled_usec -\n", hits{}},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"memory.events": c.memory, "pids.events": c.pids, "cpu.stat": c.cpu} {
			if text != "" {
				write(t, dir, name, text)
			}
		}
		if got := (&cgroup{dir: dir}).hits(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestGroupFolder(t *testing.T) {
	const (
		host      = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid    = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		container = "900 800 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
		odd       = `31 23 0:28 / /odd\040place rw shared:9 master:1 - cgroup2 none rw` + "\n"
	)
	for _, c := range []struct{ group, mounts, want string }{
		{"/", host, "/sys/fs/cgroup"},
		{"/system.slice/hooktender.service", host, "/sys/fs/cgroup/system.slice/hooktender.service"},
		{"/", hybrid, "/sys/fs/cgroup/unified"},
		{"/docker/abc", container, "/sys/fs/cgroup"},
		{"/docker/abc/inner", container, "/sys/fs/cgroup/inner"},
		{"/a", odd, "/odd place/a"},
		{"/docker/other", container, ""},
		{"/../outside", host, ""},
		{"/", "31 23 0:28 / /sys rw - sysfs sysfs rw\n", ""},
		{"/", "", ""}, {"/", "x\n - cgroup2 \n", ""},
	} {
		got, err := groupFolder(c.group, c.mounts)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s in %q: %q %v, want %q", c.group, c.mounts, got, err, c.want)
		}
	}
}

// A tree of plain files: whose group may be divided, and how controllers are
// asked for.
func TestDividing(t *testing.T) {
	dir := t.TempDir()
	booted := t.TempDir()
	host := cgroupHost{self: filepath.Join(dir, "self"), mounts: filepath.Join(dir, "mounts"), booted: booted}
	if _, err := host.ownGroup(); err == nil || !strings.Contains(err.Error(), "no control groups") {
		t.Errorf("without /proc/self/cgroup: %v", err)
	}
	write(t, dir, "self", "9:name=systemd:/\n8:pids:/\n")
	write(t, dir, "mounts", "1 1 0:1 / "+dir+" rw - cgroup2 cgroup2 rw\n")
	if _, err := host.ownGroup(); err == nil || !strings.Contains(err.Error(), "no cgroup v2") {
		t.Errorf("with version 1 only: %v", err)
	}
	write(t, dir, "self", "8:pids:/x\n0::/own\n")
	own, err := host.ownGroup()
	if err != nil || own != filepath.Join(dir, "own") {
		t.Fatal(own, err)
	}
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := host.mayDivide(own); err == nil || !strings.Contains(err.Error(), "machine's own") {
		t.Errorf("the root group: %v", err)
	}
	write(t, own, "cgroup.events", "populated 1\n")
	err = host.mayDivide(own)
	if os.Geteuid() == 0 {
		if err == nil || !strings.Contains(err.Error(), "Delegate=yes") {
			t.Errorf("root in a group of systemd's: %v", err)
		}
		host.booted = filepath.Join(dir, "not-there")
		err = host.mayDivide(own)
	}
	if err != nil {
		t.Errorf("a group of ours: %v", err)
	}
	if got := enableControllers(own); len(got) > 0 {
		t.Errorf("%v are enabled where there are none", got)
	}
	write(t, own, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n")
	if got := enableControllers(own); len(got) > 0 {
		t.Errorf("%v are enabled that cannot be", got)
	}
	write(t, own, "cgroup.subtree_control", "")
	if got := enableControllers(own); !slices.Equal(got, []string{"cpu", "memory", "pids"}) {
		t.Errorf("%v are enabled", got)
	}
	// The last of what was written over each other.
	if got := content(t, own, "cgroup.subtree_control"); !strings.Contains(got, "+pids") {
		t.Errorf("written: %q", got)
	}
}

// A real group that has processes hands no controllers down; this one has none to
// hand down on every machine, so only the steps are seen: there and back.
func TestStepAside(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	own, why := mountedCgroup(t)
	if why != nil {
		if stepAside(filepath.Join(t.TempDir(), "missing"), "server") != nil {
			t.Error("there is nowhere to step")
		}
		return
	}
	if enabled := stepAside(own, "server"); len(enabled) == 0 {
		if _, err := os.Stat(filepath.Join(own, "server")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the group aside is left: %v", err)
		}
		if back, err := thisHost.ownGroup(); err != nil || back != own {
			t.Errorf("we are in %s (%v), not back in %s", back, err, own)
		}
		return
	}
	if now, err := thisHost.ownGroup(); err != nil || now != filepath.Join(own, "server") {
		t.Errorf("we are in %s (%v)", now, err)
	}
	for _, c := range wantedControllers { // or the group cannot take us back
		_ = writeTo(own, "cgroup.subtree_control", "-"+c)
	}
}

// Groups that somebody took away keep no run from running, nor from its limits.
func TestCgroupsTakenAway(t *testing.T) {
	h := open(t, 1)
	h.runner.Cgroups = &Cgroups{dir: filepath.Join(t.TempDir(), "gone"), controllers: wantedControllers}
	if run, text := h.run(sh("echo done")); run.State != Succeeded || text != "done\n" {
		t.Errorf("%s %q %q", run.State, run.Error, text)
	}
	if !strings.Contains(h.log.String(), "the run has no control group") {
		t.Errorf("the log does not say so: %s", h.log)
	}
	meetsLimit(t, h, crowded, rules.Limits{Processes: 8}, Failed, "had more processes and threads than its limit of 8 (limits.processes), and was ended")
}

// Whoever cannot have groups runs as before.
func TestNoCgroupsIsNoHarm(t *testing.T) {
	var none *Cgroups
	none.clear()
	if none.has("memory") || none.Controllers() != nil || none.Close() != nil {
		t.Error("there is something in nothing")
	}
	var attr syscall.SysProcAttr
	(*cgroup)(nil).bear(&attr)
	if attr.UseCgroupFD {
		t.Error("a process is to be born in no group")
	}
}
