package runner

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// with runs a script with a body, and returns what it printed.
func (h *house) with(body, script string) string {
	h.t.Helper()
	run := h.store.add(sh(script))
	run.Body = []byte(body)
	h.runner.Enqueue(run)
	if ended := h.ended(run.ID); ended.State != Succeeded {
		h.t.Fatalf("%s: %s %s", script, ended.State, ended.Error)
	}
	text, _ := h.store.printed(run.ID, 1, Stdout)
	return strings.TrimSpace(text)
}

// A script may hand its payload to the system, as sendfile(2) to a socket, and end
// before it has arrived: what is on its way are the pages of the file, and nobody has
// that open any more. It arrives as it was sent, whatever runs meanwhile.
func TestPayloadOnItsWayStaysAsItWas(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	run := h.store.add(sh("echo begun; " + gate.wait()))
	run.Body = []byte("the first body")
	h.runner.Enqueue(run)
	h.prints(run.ID, "begun")

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := os.Open(filepath.Join(h.runner.Dir, "1-1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Splice(int(f.Fd()), nil, int(w.Fd()), nil, 100, 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.Close()

	gate.open(1)
	h.ended(run.ID)
	h.with("second", "cat")
	if text, err := io.ReadAll(r); err != nil || string(text) != "the first body" {
		t.Errorf("%q %v arrives", text, err)
	}
}

// A payload may be a program. Nobody has it open to write, so the system starts it.
func TestPayloadMayBeExecuted(t *testing.T) {
	text := open(t, 1).with("#!/bin/sh\necho done", `chmod +x "$HOOKTENDER_PAYLOAD"; "$HOOKTENDER_PAYLOAD"`)
	if text != "done" {
		t.Errorf("it printed %q", text)
	}
}

// Nothing of a payload is left when its run has ended.
func TestPayloadIsGoneAfterItsRun(t *testing.T) {
	h := open(t, 1)
	for _, body := range []string{"short", strings.Repeat("long ", 100_000), ""} {
		h.store.mu.Lock()
		h.store.body = []byte(body)
		h.store.mu.Unlock()
		if size := h.with(body, `cat >/dev/null; stat -c %a,%h "$HOOKTENDER_PAYLOAD"`); size != "600,1" {
			t.Errorf("mode and names %s", size)
		}
		left, err := os.ReadDir(h.runner.Dir)
		if err != nil || len(left) != 0 {
			t.Errorf("%v %v", left, err)
		}
	}
}
