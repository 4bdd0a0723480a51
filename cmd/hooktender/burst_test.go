package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	burstEvents   = 2000
	burstPerGroup = 50
	burstMemory   = 100 << 20 // the server may need

	burstSenders = 64
	burstGroups  = 10
	burstRunning = 64
	// Of a run: both ends of nothing but its output, the payload, and what a
	// start needs for a moment.
	burstFiles = burstRunning*5 + (burstSenders+burstGroups)*2 + 64
)

// bearer is a sender of any body that proves itself with the test's secret.
func bearer(t *testing.T) *sender {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return &sender{client: client, header: http.Header{
		"Authorization": {"Bearer " + testSecret}, "Content-Type": {"application/json"}}}
}

// with is the same sender with another body.
func (s *sender) with(body string) *sender {
	return &sender{client: s.client, body: []byte(body), header: s.header}
}

// TestBurst: 2,000 events at once, to a script that takes its time, are all
// accepted and all run, in little memory and with few open files (threat 29).
// Meanwhile ten groups keep their order, do not overlap, and get their turns.
func TestBurst(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	config := writeConfig(t, fmt.Sprintf(`
server: {max_running: %d, max_queued: 100000}
hooks:
  /burst:
    verify: &verify {bearer: "%s"}
    rules:
      - name: burst
        run: echo "burst $HOOKTENDER_RUN begin" >>"$LOG"; sleep 0.2; echo "burst $HOOKTENDER_RUN end" >>"$LOG"
        env: {LOG: "%s"}
  /group:
    verify: *verify
    rules:
      - name: group
        run: echo "$G $SEQ begin" >>"$LOG"; sleep 0.01; echo "$G $SEQ end" >>"$LOG"
        env: {LOG: "%[3]s", G: "{{ g }}", SEQ: "{{ seq }}"}
        concurrency: {group: "{{ g }}"}
`, burstRunning, testSecret, log))
	s := startDelivered(t, config, t.TempDir())
	files := s.watchFiles(20 * time.Millisecond)

	post := bearer(t)
	send := func(hook, body string) int64 {
		a, err := post.with(body).post(t.Context(), "http://"+s.address+hook)
		if err != nil || a.status != http.StatusAccepted || len(a.Runs) != 1 {
			t.Errorf("%s %s: answered %d with %d runs, %v", hook, body, a.status, len(a.Runs), err)
			return 0
		}
		return a.Runs[0].ID
	}
	events := make(chan struct{}, burstEvents)
	for range burstEvents {
		events <- struct{}{}
	}
	close(events)
	var mu sync.Mutex
	accepted := map[int64]bool{}
	var senders sync.WaitGroup
	for range burstSenders {
		senders.Go(func() {
			for range events {
				id := send("/burst", "{}")
				mu.Lock()
				accepted[id] = true
				mu.Unlock()
			}
		})
	}
	for g := range burstGroups {
		senders.Go(func() {
			for seq := range burstPerGroup {
				send("/group", fmt.Sprintf(`{"g": "g%d", "seq": %d}`, g, seq))
			}
		})
	}
	begun := time.Now()
	senders.Wait()
	sent := time.Since(begun)
	s.waitForRuns()
	ran := time.Since(begun)

	peak, most := peakMemory(t, s.cmd.Process.Pid), files()
	if peak > burstMemory {
		t.Errorf("the server needed %d MB", peak>>20)
	}
	if most > burstFiles {
		t.Errorf("the server had %d files open, more than %d", most, burstFiles)
	}
	if len(accepted) != burstEvents {
		t.Errorf("%d events got %d runs", burstEvents, len(accepted))
	}
	b := readBurst(t, log)
	for id := range accepted {
		if n := b.ends["burst "+fmt.Sprint(id)]; n != 1 {
			t.Errorf("run %d was accepted and ran %d times to its end", id, n)
		}
	}
	if b.peak > burstRunning {
		t.Errorf("%d ran at once, more than %d", b.peak, burstRunning)
	}
	for g := range burstGroups {
		b.checkGroup(t, fmt.Sprintf("g%d", g))
	}
	t.Logf("all accepted after %v, all run after %v; %d MB, %d files, %d at once", sent, ran, peak>>20, most, b.peak)
}

// watchFiles counts the open files of a server again and again, and returns the
// function that ends it and tells the most.
func (s *serverProcess) watchFiles(every time.Duration) func() int {
	enough, most := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
			n = max(n, len(entries))
			select {
			case <-tick.C:
			case <-enough:
				most <- n
				return
			}
		}
	}()
	return func() int { close(enough); return <-most }
}

// A burst is what the scripts of TestBurst wrote.
type burst struct {
	lines []string
	ends  map[string]int // by "group seq"
	peak  int            // that ran at once
}

func readBurst(t *testing.T, log string) *burst {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	b := &burst{lines: strings.Split(strings.TrimSpace(string(data)), "\n"), ends: map[string]int{}}
	running := 0
	for _, line := range b.lines {
		if who, ended := strings.CutSuffix(line, " end"); ended {
			b.ends[who]++
			running--
		} else {
			running++
		}
		b.peak = max(b.peak, running)
	}
	return b
}

// checkGroup sees that a group ran in order, one by one, and had its first turn
// before any other, or the burst, was half through.
func (b *burst) checkGroup(t *testing.T, group string) {
	t.Helper()
	var lines []string
	others := map[string]int{} // how many of each have ended before this one began
	for _, line := range b.lines {
		name := strings.Fields(line)[0]
		if name == group {
			lines = append(lines, strings.TrimPrefix(line, group+" "))
		} else if len(lines) == 0 && strings.HasSuffix(line, " end") {
			others[name]++
		}
	}
	for i := range max(len(lines), 2*burstPerGroup) {
		got, want := "nothing", fmt.Sprintf("%d %s", i/2, []string{"begin", "end"}[i%2])
		if i < len(lines) {
			got = lines[i]
		}
		if got != want {
			t.Errorf("group %s: %q is written where %q should be", group, got, want)
			break
		}
	}
	for name, n := range others {
		all := burstPerGroup
		if name == "burst" {
			all = burstEvents
		}
		if n > all/2 {
			t.Errorf("group %s began when %s had ended %d of %d", group, name, n, all)
		}
	}
}
