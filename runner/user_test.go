package runner

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stranger is a user of every machine that is not the one who tests.
var stranger = func() string {
	if isOurs("nobody") {
		return "daemon"
	}
	return "nobody"
}()

func other(t *testing.T) *account {
	t.Helper()
	a, err := lookUp(stranger)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A run as another user is that user through and through, and its files are
// that user's and nobody else's. A server that may not do that says so.
func TestUser(t *testing.T) {
	h := open(t, 1)
	c := sh(`env -0; cat; printf '\0FILE='; cat "$HOOKTENDER_PAYLOAD"; printf '\0'; stat -c 'MODES=%a %u %a' "$HOOKTENDER_PAYLOAD" | tr -d '\n'
printf '\0DIR='; stat -c '%a %u' "$(dirname "$HOOKTENDER_PAYLOAD")" | tr -d '\n'; printf '\0IDS='; grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status | tr -s '\t \n' ' '
printf '\0SESSION='; test "$(ps -o sid= -p $$ | tr -d ' ')" = $$ && printf own`)
	c.User, c.Dir = stranger, "/"
	t.Setenv("TMPDIR", t.TempDir())
	if os.Geteuid() != 0 {
		run, _ := h.run(c)
		want := "cannot be started: the server is not root, so it cannot become user " + stranger + "; start it as root, or take user: out of the rule"
		if run.State != Failed || run.Error != want {
			t.Errorf("%s %q, want %q", run.State, run.Error, want)
		}
		return
	}
	nobody := other(t)
	run, text := h.run(c)
	if run.State != Succeeded {
		t.Fatal(run.State, run.Error, text)
	}
	id, gid := strconv.Itoa(int(nobody.uid)), strconv.Itoa(int(nobody.gid))
	got := environment(text)
	for name, want := range map[string]string{
		"HOME": nobody.home, "USER": stranger, "LOGNAME": stranger, "SHELL": nobody.shell,
		"FILE": string(h.store.body), "MODES": "600 " + id + " 600", "DIR": "700 " + id, "SESSION": "own",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if tmp, is := got["TMPDIR"]; is {
		t.Errorf("it has our folder %s", tmp)
	}
	ids := got["IDS"]
	for _, want := range []string{
		"Uid: " + strings.Repeat(id+" ", 4), "Gid: " + strings.Repeat(gid+" ", 4), "Groups: " + gid + " ",
		"CapInh: 0000000000000000 ", "CapPrm: 0000000000000000 ", "CapEff: 0000000000000000 ", "CapAmb: 0000000000000000 ",
	} {
		if !strings.Contains(ids, want) {
			t.Errorf("%q does not hold %q", ids, want)
		}
	}
	if _, err := os.Lstat(sharedFolder(h.runner.Dir)); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
}

// Nobody else can read the payload, whoever knows where it lies.
func TestPayloadOfAnotherUserIsPrivate(t *testing.T) {
	h := open(t, 2)
	c := sh(`echo ready; sleep 1000`)
	c.User, c.Dir = stranger, "/"
	spy := sh(`if cat "$F" || ls "$D" || ls "$D/.."; then exit 1; else exit 0; fi`)
	spy.User, spy.Dir = "daemon", "/"
	if os.Geteuid() != 0 {
		if _, err := as(stranger); err == nil {
			t.Errorf("we are not root and may be %s", stranger)
		}
		return
	}
	id := h.start(c)
	h.prints(id, "ready")
	path := h.runner.payloadPath(h.store.get(id))
	if body, err := os.ReadFile(path); err != nil || string(body) != string(h.store.body) {
		t.Fatal(string(body), err)
	}
	spy.Script = "F='" + path + "'; D='" + filepath.Dir(path) + "'; " + spy.Script
	if run, text := h.run(spy); run.State != Succeeded {
		t.Errorf("%s %s", run.Error, text)
	}
	h.stopNow()
}

// The wait that a script asks for comes through its user's own file.
func TestRetryAfterOfAnotherUser(t *testing.T) {
	h := open(t, 1)
	c := retrying(2, `echo 1h >"$HOOKTENDER_RETRY_AFTER"; exit 75`)
	c.User, c.Dir = stranger, "/"
	id := h.start(c)
	if os.Geteuid() != 0 {
		if run := h.ended(id); run.State != Failed || run.Attempt != 2 {
			t.Errorf("%s after %d attempts", run.State, run.Attempt)
		}
		return
	}
	h.inState(id, Waiting)
	run := h.store.get(id)
	if left := run.NotBefore.Sub(*run.StartedAt).Minutes(); left < 59 {
		t.Errorf("it waits %v minutes", left)
	}
}

func TestWhatAUserMayNot(t *testing.T) {
	h := open(t, 1)
	closed := filepath.Join(t.TempDir(), "closed")
	inside := filepath.Join(closed, "website")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(closed, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	open := filepath.Dir(filepath.Dir(closed)) // of the test
	for dir := open; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, user, dir, program string
		mode                     os.FileMode
		want                     string
	}{
		{"missing", "no-such-user", "/", "/bin/true", 0o755, "user no-such-user does not exist on this machine (it has to be in /etc/passwd)"},
		{"missing id", "4294967000", "/", "/bin/true", 0o755, "user 4294967000 does not exist on this machine (it has to be in /etc/passwd)"},
		{"folder", stranger, closed, "/bin/true", 0o700, "user " + stranger + " cannot enter " + closed + " (it is drwx------ and belongs to user 0 and group 0)"},
		{"folder above", stranger, inside, "/bin/true", 0o700, "user " + stranger + " cannot enter " + inside + " (" + closed + " is drwx------ and belongs to user 0 and group 0)"},
		{"program", stranger, "/", program, 0o755, "user " + stranger + " cannot execute " + program + " (it is -rwx------ and belongs to user 0 and group 0)"},
	} {
		if err := os.Chmod(closed, c.mode); err != nil {
			t.Fatal(err)
		}
		cmd := list(c.program)
		cmd.User, cmd.Dir = c.user, c.dir
		run, _ := h.run(cmd)
		want := "cannot be started: " + c.want
		if os.Geteuid() != 0 {
			want = "cannot be started: the server is not root, so it cannot become user " + c.user + "; start it as root, or take user: out of the rule"
		}
		if run.State != Failed || run.Error != want {
			t.Errorf("%s: %s %q, want %q", c.name, run.State, run.Error, want)
		}
	}
}

// The server's own user changes nothing, by name or by id, root or not.
func TestOwnUserIsNoChange(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/somewhere")
	h := open(t, 1)
	for _, name := range []string{me.Username, me.Uid} {
		c := sh(`printf '%s %s' "$HOME" "${HOOKTENDER_PAYLOAD%/*}"`)
		c.User = name
		if run, text := h.run(c); text != "/somewhere "+h.runner.Dir {
			t.Errorf("user %s: %s %s %q", name, run.State, run.Error, text)
		}
	}
}

// Groups are those of /etc/group, also where the id is written.
func TestLookUp(t *testing.T) {
	byName := other(t)
	byID, err := lookUp(strconv.Itoa(int(byName.uid)))
	if err != nil || byID.name != byName.name || !slices.Equal(byID.groups, byName.groups) {
		t.Errorf("%+v %v, want %+v", byID, err, byName)
	}
	if !slices.Contains(byName.groups, byName.gid) {
		t.Errorf("%+v is not in its own group", byName)
	}
	if shell := shellOf("no-such-user"); shell != "/bin/sh" {
		t.Errorf("its shell is %s", shell)
	}
}

// A folder that somebody else made where ours is to be is not used.
func TestSharedFolderOfAnother(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := makeShared(filepath.Join(dir, "link", "1-1")); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("a link is used: %v", err)
	}
	foreign := filepath.Join(dir, "foreign")
	if os.Geteuid() != 0 {
		foreign = "/"
	} else if err := os.Mkdir(foreign, 0o777); err != nil {
		t.Fatal(err)
	} else if err := os.Chown(foreign, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := makeShared(filepath.Join(foreign, "1-1")); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("a foreign folder is used: %v", err)
	}
}
