package main

import (
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// What is kept changes with a reload: what is too old then is gone soon.
func TestKeepIsReloaded(t *testing.T) {
	t.Parallel()
	const hooks = `
hooks:
  /event: {verify: {github: "` + testSecret + `"}, rules: [{name: one, run: "echo one"}]}
`
	config := writeConfig(t, hooks)
	s := startServer(t, config, t.TempDir())
	if _, err := newSender(t).post(t.Context(), "http://"+s.address+"/event"); err != nil {
		t.Fatal(err)
	}
	s.waitForRuns()
	if n := s.countRuns(); n != 1 {
		t.Fatalf("%d runs", n)
	}
	if err := os.WriteFile(config, []byte("keep: {deliveries: 1ms, runs: 1ms}"+hooks), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	for deadline := time.Now().Add(patience); s.countRuns() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("an old run is kept")
		}
	}
	s.stop()
}

func (s *serverProcess) countRuns() int {
	s.t.Helper()
	var runs []runner.Run
	if err := s.client().get(s.t.Context(), "/api/runs", url.Values{}, &runs); err != nil {
		s.t.Fatal(err)
	}
	return len(runs)
}
