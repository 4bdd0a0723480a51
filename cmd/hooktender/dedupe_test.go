package main

import (
	"net/http"
	"path/filepath"
	"sync"
	"testing"
)

// TestSeenOnce: an event that comes 100 times at once, while the server is killed,
// and after it was started again, is accepted once, and every sender is told the
// same delivery and run.
func TestSeenOnce(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	config := writeConfig(t, `
hooks:
  /event:
    verify: {github: "`+testSecret+`"}
    rules:
      - name: log
        run: echo "run $HOOKTENDER_RUN" >>"$LOG"
        env: {LOG: "`+log+`"}
`)
	state := t.TempDir()
	post := newSender(t)
	post.again = true

	var mu sync.Mutex
	var told []answer // in no order
	flood := func(s *serverProcess, killAfter int) {
		var senders sync.WaitGroup
		for range 100 {
			senders.Go(func() {
				a, err := post.post(t.Context(), "http://"+s.address+"/event")
				if err != nil {
					if killAfter == 0 {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if told = append(told, a); len(told) == killAfter {
					_ = s.cmd.Process.Kill()
				}
			})
		}
		senders.Wait()
	}
	s := startServer(t, config, state)
	flood(s, 1) // killed as soon as one has its answer
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, config, state)
	flood(s, 0)
	s.waitForRuns()
	s.stop()

	accepted := 0
	for _, a := range told {
		switch {
		case a.status == http.StatusAccepted && a.Verdict == "accepted":
			accepted++
		case a.status != http.StatusOK || a.Verdict != "duplicate":
			t.Errorf("answered %+v", a)
		}
		if a.Delivery != told[0].Delivery || len(a.Runs) != 1 || a.Runs[0] != told[0].Runs[0] {
			t.Errorf("told %+v, and another sender %+v", a, told[0])
		}
	}
	if accepted > 1 { // 0 if the server died before it could say so
		t.Errorf("%d senders were told that theirs is the one", accepted)
	}
	if lines := readLog(t, log); len(lines) != 1 {
		t.Errorf("one event made %d runs: %v", len(lines), lines)
	}
}
