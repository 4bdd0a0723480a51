package runner

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// An account is the user that an attempt runs as, where that is not the server's
// own.
type account struct {
	name, home, shell string
	uid, gid          uint32
	groups            []uint32
}

// isOurs tells whether a rule's user, a name or an id, is the server's own, so
// that there is nothing to change.
func isOurs(name string) bool {
	if name == "" {
		return true
	}
	id := strconv.Itoa(os.Geteuid())
	if name == id {
		return true
	}
	u, err := user.Lookup(name)
	return err == nil && u.Uid == id
}

// lookUp finds an account by name or id in /etc/passwd and /etc/group.
func lookUp(name string) (*account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if _, numeric := strconv.ParseUint(name, 10, 32); numeric == nil {
			u, err = user.LookupId(name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("user %s does not exist on this machine (it has to be in /etc/passwd)", name)
	}
	a := &account{name: u.Username, home: u.HomeDir, shell: shellOf(u.Username)}
	if a.uid, err = parseID(u.Uid); err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	if a.gid, err = parseID(u.Gid); err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("find the groups of user %s: %w", name, err)
	}
	for _, g := range groups {
		id, err := parseID(g)
		if err != nil {
			return nil, fmt.Errorf("the groups of user %s: %w", name, err)
		}
		a.groups = append(a.groups, id)
	}
	return a, nil
}

func parseID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	return uint32(id), err
}

// shellOf is the last field of the user's line in /etc/passwd (passwd(5)).
func shellOf(name string) string {
	data, _ := os.ReadFile("/etc/passwd")
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 7 && fields[0] == name && fields[6] != "" {
			return fields[6]
		}
	}
	return "/bin/sh"
}

// as looks up who a run is to be. nil is the server's own user.
func as(name string) (*account, error) {
	if isOurs(name) {
		return nil, nil
	}
	if !mayBecomeOthers() {
		return nil, fmt.Errorf("the server is not root, so it cannot become user %s; start it as root, or take user: out of the rule", name)
	}
	return lookUp(name)
}

func mayBecomeOthers() bool { return os.Geteuid() == 0 }

// environ is what a login would set. It comes after ours and wins.
func (a *account) environ() []string {
	if a == nil {
		return nil
	}
	return []string{"HOME=" + a.home, "USER=" + a.name, "LOGNAME=" + a.name, "SHELL=" + a.shell}
}

// become makes a process run with the account's ids and groups, and in a session
// of its own: on the server's terminal, if it has one, it could type.
func (a *account) become(attr *syscall.SysProcAttr) {
	if a == nil {
		return
	}
	attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
	attr.Setpgid, attr.Setsid = false, true // a session's leader leads a group, too
}

// explain says what keeps the account from a path, nil if nothing that can be
// seen does.
func (a *account) explain(path string, want os.FileMode, verb string) error {
	for at, bits := filepath.Clean(path), want; ; at, bits = filepath.Dir(at), 0o1 {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !a.may(info, bits) {
			if at == filepath.Clean(path) {
				return fmt.Errorf("user %s cannot %s %s (it is %s)", a.name, verb, path, described(info))
			}
			return fmt.Errorf("user %s cannot %s %s (%s is %s)", a.name, verb, path, at, described(info))
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func described(info os.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Mode().String()
	}
	return fmt.Sprintf("%v and belongs to user %d and group %d", info.Mode(), s.Uid, s.Gid)
}

// may reads the mode as the kernel does, but for access control lists.
func (a *account) may(info os.FileInfo, bits os.FileMode) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || a.uid == 0 {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case s.Uid == a.uid:
		mode >>= 6
	case a.in(s.Gid):
		mode >>= 3
	}
	return mode&bits == bits
}

func (a *account) in(group uint32) bool {
	if a.gid == group {
		return true
	}
	for _, g := range a.groups {
		if g == group {
			return true
		}
	}
	return false
}

// explainStart says why a process of the account did not start.
func (a *account) explainStart(err error, path, dir string) error {
	if a == nil || !errors.Is(err, os.ErrPermission) {
		return nil
	}
	if dir != "" {
		if why := a.explain(dir, 0o1, "enter"); why != nil {
			return why
		}
	}
	if why := a.explain(path, 0o1, "execute"); why != nil {
		return why
	}
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("the server may not become user %s; it needs the capabilities CAP_SETUID and CAP_SETGID: %w", a.name, err)
	}
	return nil
}
