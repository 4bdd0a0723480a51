package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inReadOnly is a hooktender that sees a folder as read-only: on a mount of its
// own, or, where root does not run the test, by the folder's mode.
func inReadOnly(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	if os.Geteuid() == 0 { // whom no mode binds
		cmd = exec.Command("unshare", append([]string{"-m", "sh", "-c",
			`mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`, dir, os.Args[0]}, args...)...)
	} else {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	cmd.Env = append(os.Environ(), asHooktender+"=1")
	return cmd
}

// TestReadOnlyState: serve says what is wrong and what to do; check and backup
// need not write there, and do not.
func TestReadOnlyState(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, `
hooks:
  /event:
    verify: {bearer: "`+testSecret+`"}
    rules:
      - {name: go, run: "true"}
`)
	empty, state, files := t.TempDir(), t.TempDir(), t.TempDir()
	s := startServer(t, config, state)
	if _, err := bearer(t).with(`{}`).post(t.Context(), "http://"+s.address+"/event"); err != nil {
		t.Fatal(err)
	}
	s.waitForRuns()
	killed := filepath.Join(files, "killed")
	if err := os.Mkdir(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hooktender.db", "hooktender.db-wal"} { // as a server that is killed leaves it
		data, err := os.ReadFile(filepath.Join(state, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(killed, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	copied := filepath.Join(files, "copy.db")
	serve := func(dir string) []string {
		return []string{"serve", config, "--listen", "127.0.0.1:0", "--console", "off", "--state", dir}
	}
	for _, c := range []struct {
		dir  string
		args []string
		code int
		want []string
	}{
		{empty, serve(empty), 1, []string{empty, "the server must be able to write in its state folder", "chown -R"}},
		{state, serve(state), 1, []string{state, "the server must be able to write in its state folder", "chown -R"}},
		{state, []string{"state", "check", "--state", state}, 0, []string{"no problems"}},
		{state, []string{"state", "backup", copied, "--state", state}, 0, []string{"wrote " + copied}},
		{killed, []string{"state", "check", "--state", killed}, 1, []string{"hooktender.db-wal", "on a copy of both files"}},
	} {
		cmd := inReadOnly(t, c.dir, c.args...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%v ended with %d:\n%s", c.args, code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, out)
			}
		}
	}
	if out, err := os.ReadFile(copied); err != nil || len(out) == 0 {
		t.Error(len(out), err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}
