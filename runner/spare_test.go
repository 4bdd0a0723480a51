package runner

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// with runs a script with a body, and returns what it printed.
func (h *house) with(body, script string) string {
	h.t.Helper()
	run := h.store.add(sh(script))
	run.Body = []byte(body)
	h.store.mu.Lock()
	h.store.body = run.Body // a large one comes from there
	h.store.mu.Unlock()
	h.runner.Enqueue(run)
	if ended := h.ended(run.ID); ended.State != Succeeded {
		h.t.Fatalf("%s: %s %s", script, ended.State, ended.Error)
	}
	text, _ := h.store.printed(run.ID, 1, Stdout)
	return strings.TrimSpace(text)
}

const inode = `stat -c %i "$HOOKTENDER_PAYLOAD"; `

// One payload file serves attempt after attempt, and shows each its own body.
func TestPayloadFileIsUsedAgain(t *testing.T) {
	h := open(t, 1)
	first := h.with(strings.Repeat("long ", 10_000), inode+`cat >/dev/null`)
	again := h.with("short", inode+`cat; cat "$HOOKTENDER_PAYLOAD"`)
	if again != first+"\nshortshort" {
		t.Errorf("inode %s, and then %q", first, again)
	}
	if text, err := os.ReadFile(filepath.Join(h.runner.Dir, h.spare())); err != nil || strings.Trim(string(text), "\x00") != "" {
		t.Errorf("%q %v: the payload is still there", text, err)
	}
	for _, size := range []int{0, 100, 3, len(nothing), len(nothing) + 1, 7, 1 << 20, 5} {
		body := strings.Repeat("x", size)
		if sum := h.with(body, `cat "$HOOKTENDER_PAYLOAD" - | wc -c`); sum != strconv.Itoa(2*size) {
			t.Errorf("%s bytes of twice %d", sum, size)
		}
		if info, err := os.Stat(filepath.Join(h.runner.Dir, h.spare())); err != nil || info.Size() > int64(len(nothing)) {
			t.Errorf("%v %v", info, err)
		}
	}
}

// spare is the name of the only spare file.
func (h *house) spare() string {
	h.t.Helper()
	left, err := os.ReadDir(h.runner.Dir)
	if err != nil || len(left) != 1 {
		h.t.Fatalf("%v %v", left, err)
	}
	return left[0].Name()
}

// A file that somebody has still, or that is not what it was, is no one else's.
func TestPayloadFileOfOthersIsNotUsedAgain(t *testing.T) {
	for name, script := range map[string]string{
		"has another name": `ln "$HOOKTENDER_PAYLOAD" kept`,
		"was moved":        `mv "$HOOKTENDER_PAYLOAD" kept`,
		"was replaced":     `mv "$HOOKTENDER_PAYLOAD" kept; echo other >"$HOOKTENDER_PAYLOAD"`,
		"is a link now":    `mv "$HOOKTENDER_PAYLOAD" kept; ln -s "$PWD/kept" "$HOOKTENDER_PAYLOAD"`,
		"is a folder now":  `mv "$HOOKTENDER_PAYLOAD" kept; mkdir "$HOOKTENDER_PAYLOAD"`,
		"was removed":      `cp "$HOOKTENDER_PAYLOAD" kept; rm "$HOOKTENDER_PAYLOAD"`,
		"has another mode": `cp "$HOOKTENDER_PAYLOAD" kept; chmod 444 "$HOOKTENDER_PAYLOAD"`,
	} {
		t.Run(name, func(t *testing.T) {
			h, dir := open(t, 1), t.TempDir()
			first := h.with("first", inode+"cd "+dir+"; "+script)
			if again := h.with("second", `stat -c %a,%h "$HOOKTENDER_PAYLOAD"; cat`); again != "600,1\nsecond" {
				t.Errorf("inode %s, and then %q", first, again)
			}
			if kept, err := os.ReadFile(filepath.Join(dir, "kept")); string(kept) != "first" {
				t.Errorf("kept: %q %v", kept, err)
			}
		})
	}

	t.Run("is open", func(t *testing.T) {
		h, gate := open(t, 1), newGate(t)
		run := h.store.add(sh(inode + gate.wait()))
		run.Body = []byte("first")
		h.runner.Enqueue(run)
		h.prints(run.ID, "\n")
		f, err := os.Open(filepath.Join(h.runner.Dir, "1-1"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		gate.open(1)
		h.ended(run.ID)
		first, _ := h.store.printed(run.ID, 1, Stdout)
		if again := h.with("second", inode+"cat"); again == first+"second" {
			t.Errorf("inode %s, and then %q", first, again)
		}
		if kept, err := io.ReadAll(f); string(kept) != "first" {
			t.Errorf("%q %v", kept, err)
		}
	})
}

// What an earlier process has left of them is removed at the start.
func TestSparesOfAnEarlierProcess(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"spare-7", "17-1", "mine-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := openIn(t, dir, 1)
	if err := h.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "mine-1" {
		t.Errorf("%v %v", left, err)
	}
	if err := os.Remove(filepath.Join(dir, "mine-1")); err != nil {
		t.Fatal(err)
	}
}

// There are no more of them than are of use, and a spare that is gone is no harm.
func TestSparesAreFew(t *testing.T) {
	s := spares{dir: t.TempDir()}
	var files []*os.File
	for i := range 2 * maxSpares {
		f, err := s.take(filepath.Join(s.dir, string(rune('A'+i))), []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for _, f := range files {
		s.give(f, f.Name())
	}
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != maxSpares {
		t.Errorf("%d files are left: %v", len(left), err)
	}
	for _, spare := range left {
		if err := os.Remove(filepath.Join(s.dir, spare.Name())); err != nil {
			t.Fatal(err)
		}
	}
	f, err := s.take(filepath.Join(s.dir, "next"), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(f.Name()); string(text) != "text" {
		t.Errorf("%q %v", text, err)
	}
	s.give(f, f.Name())
	s.removeAll()
	if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}
