package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Strangers who hold all file descriptors must not make an accepted run fail: it
// waits until there are some again.
func TestARunWaitsForFileDescriptors(t *testing.T) {
	h := open(t, 1)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	// Room for the payload and its copy as standard input, and no pipe.
	few := unix.Rlimit{Cur: uint64(len(open)) + 1, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	defer restore()
	id := h.start(sh("echo done"))
	for !strings.Contains(h.log.String(), "too many open files") {
		select {
		case <-h.log.written:
		case <-time.After(patience):
			t.Fatal("it does not even try")
		}
	}
	restore()
	if run := h.ended(id); run.State != Succeeded || run.Attempt != 1 {
		t.Errorf("%+v", run)
	}
}

// Whatever else lies in the folder of payloads is not ours to remove.
func TestRecoverLeavesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"push.json", "1-2.json", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "3-4"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1-2", "5-1.retry-after"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := New(Config{Store: newFakeStore(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != "1-2.json 3-4 notes push.json" {
		t.Errorf("left are %s", got)
	}
}

// A folder that others can reach, or that leads elsewhere, is not used as it is.
func TestPayloadFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "payloads")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	link := dir + ".link"
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: link}); err == nil {
		t.Error("a link is taken")
	}
}
