package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hooktender/hooktender/runner"
)

const testSecret = "secret-of-the-test"

// writeConfig writes a configuration and returns its path.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hooktender.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A sender posts signed pushes to a server, each under an id of its own.
type sender struct {
	client *http.Client
	body   []byte
	header http.Header
	again  bool // under the same id each time
}

func newSender(t *testing.T) *sender {
	t.Helper()
	body, err := payloads.ReadFile("payloads/github/push.json")
	if err != nil {
		t.Fatal(err)
	}
	o := outgoing{provider: "github", event: "push", secret: testSecret, url: "http://x/", body: body}
	req, err := o.request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return &sender{client: client, body: body, header: req.Header}
}

// answer is what the server said to an event.
type answer struct {
	status   int
	Delivery int64
	Verdict  string
	Runs     []struct{ ID int64 }
}

func (s *sender) post(ctx context.Context, url string) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(s.body))
	if err != nil {
		return a, err
	}
	req.Header = s.header.Clone()
	if !s.again {
		req.Header.Set("X-GitHub-Delivery", rand.Text())
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, err
	}
	a.status = resp.StatusCode
	return a, json.Unmarshal(data, &a)
}

// waitForRuns returns when no run is unfinished, by following each to its end.
func (s *serverProcess) waitForRuns() {
	s.t.Helper()
	for {
		var open []runner.Run
		err := s.client().get(s.t.Context(), "/api/runs", url.Values{"state": {"queued,waiting,running"}, "limit": {"1"}}, &open)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(open) == 0 {
			return
		}
		body, err := s.client().open(s.t.Context(), "GET", fmt.Sprintf("/api/runs/%d/output", open[0].ID), url.Values{"follow": {"1"}})
		if err != nil {
			s.t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, body)
		body.Close()
	}
}

// A log that scripts append to with one write a line.
func readLog(t *testing.T, path string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for line := range strings.Lines(string(data)) {
		lines[strings.TrimSpace(line)]++
	}
	return lines
}

// TestKill is promise 1: the server is killed with SIGKILL while 64 senders post
// events that fire, and started again. Every event that got its 202 runs at
// least once, and none twice unless it was running when the server died.
func TestKill(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	config := writeConfig(t, `
server: {max_running: 4}
hooks:
  /event:
    verify: {github: "`+testSecret+`"}
    rules:
      - name: log
        run: echo "begin $HOOKTENDER_RUN" >>"$LOG"; echo "end $HOOKTENDER_RUN" >>"$LOG"
        env: {LOG: "`+log+`"}
`)
	state := t.TempDir()
	acknowledged := map[int64]bool{}
	running := map[int64]bool{} // that ran when the server died, as its database says
	for round := range 3 {
		s := startDelivered(t, config, state)
		for id := range flood(t, s, 64, 150*(round+1)) {
			acknowledged[id] = true
		}
		if err := s.wait(); err != nil {
			t.Fatal(err)
		}
		for _, id := range runningIn(t, state) {
			running[id] = true
		}
	}
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	s := startDelivered(t, config, state)
	s.waitForRuns()
	s.stop()

	lines := readLog(t, log)
	for id := range acknowledged {
		if lines[fmt.Sprintf("end %d", id)] == 0 {
			t.Errorf("run %d was acknowledged and never ran to its end", id)
		}
	}
	for line, n := range lines {
		id, err := strconv.ParseInt(strings.TrimPrefix(line, "begin "), 10, 64)
		if err == nil && n > 1 && !running[id] {
			t.Errorf("run %d ran %d times and was not running when the server was killed", id, n)
		}
	}
	t.Logf("%d acknowledged, %d running at the kills", len(acknowledged), len(running))
}

// flood posts from many senders until so many are acknowledged, then kills the
// server in the middle. It returns the runs that got a 202.
func flood(t *testing.T, s *serverProcess, senders, enough int) map[int64]bool {
	t.Helper()
	var mu sync.Mutex
	acknowledged := map[int64]bool{}
	var group sync.WaitGroup
	post := newSender(t)
	for range senders {
		group.Go(func() {
			for {
				a, err := post.post(t.Context(), "http://"+s.address+"/event")
				if err != nil {
					return // killed
				}
				mu.Lock()
				if a.status == http.StatusAccepted {
					acknowledged[a.Runs[0].ID] = true
				}
				if len(acknowledged) == enough {
					s.signal(syscall.SIGKILL)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return acknowledged
}

// runningIn asks the database of a dead server which runs were running.
func runningIn(t *testing.T, state string) []int64 {
	t.Helper()
	st := openStore(t, state)
	defer st.Close()
	places, err := st.Unfinished(t.Context(), runner.Running)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, p := range places {
		ids = append(ids, p.ID)
	}
	return ids
}

// TestDiskFull: when the state folder takes no more, an event that would fire is
// refused with 503 and a time to come again; nothing that was accepted is lost;
// with space again, everything goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, `
hooks:
  /event:
    verify: {github: "`+testSecret+`"}
    rules:
      - {name: go, run: "echo done"}
`)
	s := startServer(t, config, t.TempDir())
	post := newSender(t)
	send := func() answer {
		a, err := post.post(t.Context(), "http://"+s.address+"/event")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	var accepted []int64
	accepted = append(accepted, send().Runs[0].ID)
	s.waitForRuns()

	limit := func(size uint64) {
		if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(256 << 10) // of the log that SQLite writes ahead
	refused := 0
	for range 500 {
		a := send()
		switch a.status {
		case http.StatusAccepted:
			accepted = append(accepted, a.Runs[0].ID)
		case http.StatusServiceUnavailable:
			refused++
		default:
			t.Fatalf("answered %d", a.status)
		}
		if refused == 3 {
			break
		}
	}
	if refused == 0 {
		t.Fatal("the disk did not get full")
	}
	limit(unix.RLIM_INFINITY)
	a := send()
	if a.status != http.StatusAccepted {
		t.Fatalf("with space again: %d", a.status)
	}
	accepted = append(accepted, a.Runs[0].ID)
	s.waitForRuns()
	for _, id := range accepted {
		var run runner.Run
		if err := s.client().get(t.Context(), fmt.Sprintf("/api/runs/%d", id), nil, &run); err != nil {
			t.Error(err)
		} else if run.State != runner.Succeeded {
			t.Errorf("run %d was accepted and is %s: %s", id, run.State, run.Error)
		}
	}
	t.Logf("%d accepted, %d refused", len(accepted), refused)
}

// TestSameInstant: 100 events in the same instant are 100 runs (threat 18), and
// no more of them run at once than may (threat 29).
func TestSameInstant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	config := writeConfig(t, `
server: {max_running: 3}
hooks:
  /event:
    verify: {github: "`+testSecret+`"}
    rules:
      - name: count
        run: |
          echo "run $HOOKTENDER_RUN" >>"$DIR/log"
          mkdir "$DIR/place.1" || mkdir "$DIR/place.2" || mkdir "$DIR/place.3" || echo "too many" >>"$DIR/log"
          sleep 0.01
          rmdir "$DIR/place.1" || rmdir "$DIR/place.2" || rmdir "$DIR/place.3"
        env: {DIR: "`+dir+`"}
`)
	s := startServer(t, config, t.TempDir())
	post := newSender(t)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if a, err := post.post(t.Context(), "http://"+s.address+"/event"); err != nil || a.status != http.StatusAccepted {
				t.Errorf("answered %d, %v", a.status, err)
			}
		})
	}
	group.Wait()
	s.waitForRuns()
	lines := readLog(t, log)
	if lines["too many"] > 0 {
		t.Error("more than 3 ran at once")
	}
	delete(lines, "too many")
	if len(lines) != 100 {
		t.Errorf("100 events made %d runs", len(lines))
	}
	for line, n := range lines {
		if n != 1 {
			t.Errorf("%s: %d times", line, n)
		}
	}
}

// TestMuchOutput: 300 MB of output (threat 26) need less than 100 MB of memory
// and little of the disk; the beginning and the end are kept.
func TestMuchOutput(t *testing.T) {
	t.Parallel()
	config := writeConfig(t, `
hooks:
  /event:
    verify: {github: "`+testSecret+`"}
    rules:
      - name: loud
        run: echo first; head -c 300000000 /dev/zero | tr '\0' 'x'; echo; echo last
`)
	state := t.TempDir()
	s := startDelivered(t, config, state)
	if _, err := newSender(t).post(t.Context(), "http://"+s.address+"/event"); err != nil {
		t.Fatal(err)
	}
	s.waitForRuns()
	if peak := peakMemory(t, s.cmd.Process.Pid); peak > 100<<20 {
		t.Errorf("the server needed %d MB", peak>>20)
	}
	body, err := s.client().open(t.Context(), "GET", "/api/runs/1/output", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	kept, gap, text := sumOutput(t, body)
	if total := kept + gap; total != 300000000+len("first\n\nlast\n") {
		t.Errorf("kept %d and left out %d: together %d", kept, gap, total)
	}
	if kept > 5<<20 || !strings.HasPrefix(text, "first\nx") || !strings.HasSuffix(text, "x\nlast\n") {
		t.Errorf("kept %d bytes, from %.10q to %q", kept, text, text[len(text)-10:])
	}
	s.stop()
	if size := folderSize(t, state); size > 30<<20 {
		t.Errorf("the state folder has %d MB", size>>20)
	}
}

func sumOutput(t *testing.T, r io.Reader) (kept, gap int, text string) {
	t.Helper()
	var b strings.Builder
	for decoder := json.NewDecoder(r); ; {
		var line struct {
			Data    []byte
			Omitted int
		}
		if err := decoder.Decode(&line); err == io.EOF {
			return b.Len(), gap, b.String()
		} else if err != nil {
			t.Fatal(err)
		}
		b.Write(line.Data)
		gap += line.Omitted
	}
}

// peakMemory is the most resident memory that a process ever had.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

func folderSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
