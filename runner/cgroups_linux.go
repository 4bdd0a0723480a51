package runner

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cgroups makes a control group for each attempt (cgroup v2, see
// Documentation/admin-guide/cgroup-v2.rst of the kernel): no process can leave
// its group unseen, and the kernel bounds what a group takes. nil makes none.
type Cgroups struct {
	dir         string   // holds the attempts' groups, and nothing else
	controllers []string // that bound them
}

// wantedControllers are those that the limits of a rule need.
var wantedControllers = []string{"cpu", "memory", "pids"}

// A cgroupHost says where to look for the group that we are in.
type cgroupHost struct {
	self   string // /proc/self/cgroup
	mounts string // /proc/self/mountinfo
	booted string // a folder that is there where systemd is in charge (sd_booted(3))
}

var thisHost = cgroupHost{"/proc/self/cgroup", "/proc/self/mountinfo", "/run/systemd/system"}

// OpenCgroups prepares to make groups below the one that this process is in, if
// that is its to divide. state is the server's state folder: a later server on it
// finds what this one leaves behind. To be called once, before any process is
// started; it may move this process into a group below. The error says why there
// will be no groups.
func OpenCgroups(state string) (*Cgroups, error) { return openCgroups(thisHost, state) }

func openCgroups(host cgroupHost, state string) (*Cgroups, error) {
	own, err := host.ownGroup()
	if err != nil {
		return nil, err
	}
	if err := host.mayDivide(own); err != nil {
		return nil, err
	}
	if state, err = filepath.Abs(state); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("hooktender-%.4x", sha256.Sum256([]byte(state)))
	c := &Cgroups{dir: filepath.Join(own, name)}
	if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a control group: %w", err)
	}
	c.controllers = enableControllers(own)
	if len(c.controllers) == 0 && len(availableControllers(own)) > 0 {
		c.controllers = stepAside(own, name+"-server")
	}
	if len(c.controllers) > 0 {
		c.controllers = enableControllers(c.dir)
	}
	if err := c.probe(); err != nil {
		return nil, errors.Join(fmt.Errorf("start a process in a control group (it needs Linux 5.7): %w", err), c.Close())
	}
	return c, nil
}

// Controllers lists which of cpu, memory and pids the kernel bounds attempts by.
func (c *Cgroups) Controllers() []string {
	if c == nil {
		return nil
	}
	return c.controllers
}

func (c *Cgroups) has(controller string) bool { return slices.Contains(c.Controllers(), controller) }

// Close removes what OpenCgroups has made, as far as nothing runs there.
func (c *Cgroups) Close() error {
	if c == nil {
		return nil
	}
	c.clear()
	if err := os.Remove(c.dir); err != nil {
		return fmt.Errorf("remove the control group: %w", err)
	}
	return nil
}

// clear ends what an earlier server has left in its groups.
func (c *Cgroups) clear() {
	if c == nil {
		return
	}
	entries, _ := os.ReadDir(c.dir)
	for _, e := range entries {
		if e.IsDir() {
			g := &cgroup{dir: filepath.Join(c.dir, e.Name())}
			g.empty()
			_ = g.remove()
		}
	}
}

// ownGroup finds the folder of the group that we are in.
func (h cgroupHost) ownGroup() (string, error) {
	self, err := os.ReadFile(h.self)
	if err != nil {
		return "", fmt.Errorf("this system has no control groups: %w", err)
	}
	mounts, err := os.ReadFile(h.mounts)
	if err != nil {
		return "", fmt.Errorf("find where control groups are mounted: %w", err)
	}
	for line := range strings.Lines(string(self)) {
		if group, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return groupFolder(group, string(mounts))
		}
	}
	return "", errors.New("this system has no cgroup v2")
}

// groupFolder finds a group in the mounted tree (proc_pid_mountinfo(5)).
func groupFolder(group, mounts string) (string, error) {
	if strings.HasPrefix(group, "/..") {
		return "", fmt.Errorf("the control group %s is outside of what this server sees", group)
	}
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if !strings.HasPrefix(after, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		below, err := filepath.Rel(unescapeMount(fields[3]), group)
		if err == nil && filepath.IsLocal(below) {
			return path.Join(unescapeMount(fields[4]), below), nil
		}
	}
	return "", fmt.Errorf("the control group %s is not mounted here (cgroup2)", group)
}

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// mayDivide tells whether the group is ours to make others in. Where systemd is
// in charge, that takes its word (systemd's CGROUP_DELEGATION.md); an ordinary
// user was given what is his.
func (h cgroupHost) mayDivide(own string) error {
	if _, err := os.Stat(filepath.Join(own, "cgroup.events")); err != nil {
		return fmt.Errorf("%s is the machine's own control group, not one for this server", own)
	}
	info, err := os.Stat(own)
	if err != nil {
		return err
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	ours := owner != nil && os.Geteuid() != 0 && int(owner.Uid) == os.Geteuid()
	_, err = os.Stat(h.booted)
	if !ours && !isDelegated(own) && err == nil {
		return fmt.Errorf("the control group %s belongs to systemd; Delegate=yes in the unit hands it over", own)
	}
	if err := unix.Access(own, unix.W_OK); err != nil {
		return fmt.Errorf("the control group %s is not ours to write: %w", own, err)
	}
	return nil
}

// isDelegated reads systemd's mark.
func isDelegated(group string) bool {
	var value [1]byte
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(group, name, value[:]); err == nil && n == 1 && value[0] == '1' {
			return true
		}
	}
	return false
}

func availableControllers(group string) []string {
	data, _ := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	there := strings.Fields(string(data))
	return slices.DeleteFunc(slices.Clone(wantedControllers), func(c string) bool { return !slices.Contains(there, c) })
}

// enableControllers makes a group's controllers work in the groups below it, and
// returns those that do.
func enableControllers(group string) (enabled []string) {
	for _, c := range availableControllers(group) {
		if writeTo(group, "cgroup.subtree_control", "+"+c) == nil {
			enabled = append(enabled, c)
		}
	}
	return enabled
}

// stepAside moves this process into a group below its own, because one that has
// processes cannot hand its controllers down, and tries again. Where others are
// in the group, too, it was in vain.
func stepAside(own, name string) []string {
	aside := filepath.Join(own, name)
	if err := os.Mkdir(aside, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil
	}
	pid := strconv.Itoa(os.Getpid())
	if writeTo(aside, "cgroup.procs", pid) == nil {
		if enabled := enableControllers(own); len(enabled) > 0 {
			return enabled
		}
		_ = writeTo(own, "cgroup.procs", pid)
	}
	_ = os.Remove(aside)
	return nil
}

// probe finds out whether a process can be born in a group. What it starts does
// not exist, so that only the way there is tried.
func (c *Cgroups) probe() error {
	g, err := c.open("probe-"+strconv.FormatInt(time.Now().UnixNano(), 10), nil)
	if err != nil {
		return err
	}
	defer g.remove()
	defer g.close()
	attr := &syscall.SysProcAttr{}
	g.bear(attr)
	const nothing = "/proc/self/nothing"
	_, err = os.StartProcess(nothing, []string{nothing}, &os.ProcAttr{Sys: attr})
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

func writeTo(group, file, text string) error {
	f, err := os.OpenFile(filepath.Join(group, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
