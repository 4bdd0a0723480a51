package runner

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// Threat 28 and 39: a server that is killed while scripts run. Its successor
// ends what they left, and takes up the queue where it was.
func TestRecoverAfterAKill(t *testing.T) {
	if isChild(t) {
		beKilled(t)
		return
	}
	dir := t.TempDir()
	server := child(t)
	server.Env = append(server.Env, "RUNNER_TEST_DIR="+dir)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		fmt.Fprintln(&said, lines.Text())
	}
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	pids := pidsIn(t, said.String(), 5)
	for _, pid := range pids {
		if isZombie(pid) {
			t.Errorf("process %d is gone already, so nothing is tested", pid)
		}
	}

	h := openIn(t, filepath.Join(dir, "payloads"), 1)
	h.store.load(filepath.Join(dir, "runs"))
	if err := h.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	allDead(t, pids)
	for id := range int64(6) {
		h.ended(id + 1)
	}
	if want := []int64{1, 3, 4, 5, 6}; !slices.Equal(h.store.starts, want) {
		t.Errorf("order of starts: %v, want %v", h.store.starts, want)
	}
	if run := h.is(2, Failed); run.Attempt != 1 || run.Error != "interrupted: the server ended while it ran" {
		t.Errorf("%+v", run)
	}
	if run := h.is(1, Succeeded); run.Attempt != 2 {
		t.Errorf("%+v", run)
	}
}

// beKilled starts scripts and says the ids of their processes.
func beKilled(t *testing.T) {
	dir := os.Getenv("RUNNER_TEST_DIR")
	h := openIn(t, filepath.Join(dir, "payloads"), 3)
	h.store.file = filepath.Join(dir, "runs")
	once := `test $HOOKTENDER_ATTEMPT = 1 || exit 0; `
	noEnv := sh(once + `exec env -i sh -c 'sleep 1000 & echo pid $!; echo pid $$; wait'`)
	noEnv.OnInterrupt = rules.Fail
	h.start(sh(once + `setsid sh -c 'echo pid $$; exec sleep 1000' & echo pid $$; wait`))
	h.start(noEnv)
	h.start(sh(once + `(setsid sh -c 'echo pid $$; exec sleep 1000' &); sleep 1000`))
	for range 3 {
		h.start(sh("true"))
	}
	h.store.await("the start of all", func() bool {
		n := 0
		for id := range int64(3) {
			text, _ := h.store.printedLocked(id+1, 1, Stdout)
			n += strings.Count(text, "pid ")
		}
		return n == 5
	})
	for id := range int64(3) {
		text, _ := h.store.printed(id+1, 1, Stdout)
		fmt.Print(text)
	}
	fmt.Println("ready")
	select {} // until the kill
}

func TestRecoverRemovesLeftOverPayloads(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "77-1"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := openIn(t, dir, 1)
	if err := h.runner.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
