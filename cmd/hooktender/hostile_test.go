package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hostileMemory is what docs/configuration.md says that the server needs at most,
// in bytes, with the default max_body.
const hostileMemory = 128<<20 + 20*hostileSize

// hostileStalled is how many of the largest bodies there are beside the hostile one:
// the room is for five. They do not come to an end, which costs no time.
const hostileStalled = 4

// TestHostileBodies: whatever the largest bodies hold, the server answers their
// senders, takes a genuine event meanwhile, stays within its bound of memory, and
// has nothing of them left in the end.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	binary, config := delivered(t), writeConfig(t, hostileHooks)
	var all []func(*hostile)
	for _, kind := range hostileKinds {
		header, body := kind.request(t)
		send := func(h *hostile) { h.senders.Go(func() { h.send(kind, header, body) }) }
		all = append(all, send)
		t.Run(kind.name, func(t *testing.T) {
			h := newHostile(t, launchServer(t, binary, config, t.TempDir()))
			for range hostileStalled {
				h.stall()
			}
			send(h)
			h.check()
		})
	}
	t.Run("all kinds at once", func(t *testing.T) {
		h := newHostile(t, launchServer(t, binary, config, t.TempDir()))
		for _, send := range all {
			send(h)
		}
		h.check()
	})
}

// A hostile is senders at work on a server.
type hostile struct {
	t       *testing.T
	server  *serverProcess
	client  *http.Client
	senders sync.WaitGroup

	mu       sync.Mutex
	stalled  []net.Conn
	answered map[int]int // how often by status
}

func newHostile(t *testing.T, s *serverProcess) *hostile {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}
	return &hostile{t: t, server: s, client: client, answered: map[int]int{}}
}

// request is what a kind sends.
func (k hostileKind) request(t *testing.T) (http.Header, []byte) {
	body, header := k.body(), http.Header{"Content-Type": {k.contentType}}
	if len(body) < hostileSize*9/10 {
		t.Errorf("%s: the body has only %d bytes", k.name, len(body))
	}
	if k.packed {
		body = packed(body)
		header.Set("Content-Encoding", "gzip")
	}
	return header, body
}

func (h *hostile) send(k hostileKind, header http.Header, body []byte) {
	status, err := h.post("/"+k.hook, header, body)
	if err != nil || !slices.Contains(append(k.want, http.StatusAccepted, http.StatusServiceUnavailable), status) {
		h.t.Errorf("%s: answered %d, %v", k.name, status, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answered[status]++
}

// stall sends a body of the largest size but for its last byte.
func (h *hostile) stall() {
	c, err := net.Dial("tcp", h.server.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.stalled = append(h.stalled, c)
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", hostileSize)
	if _, err := c.Write(make([]byte, hostileSize-1)); err != nil {
		h.t.Error(err)
	}
}

// genuine sends a small event.
func (h *hostile) genuine() {
	header := http.Header{"Content-Type": {jsonType}}
	if status, err := h.post("/", header, []byte(`{"ref":"refs/heads/main"}`)); err != nil || status != http.StatusAccepted {
		h.t.Errorf("a genuine event was answered %d, %v", status, err)
	}
}

func (h *hostile) post(path string, header http.Header, body []byte) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+h.server.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = header
	resp, err := h.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// check sends genuine events until all senders have their answers, and then looks at
// the server.
func (h *hostile) check() {
	h.t.Helper()
	begun, done := time.Now(), make(chan struct{})
	go func() { h.senders.Wait(); close(done) }()
	for pending := true; pending; {
		h.genuine()
		select {
		case <-done:
			pending = false
		case <-time.After(50 * time.Millisecond):
		}
	}
	h.server.waitForRuns()
	peak := peakMemory(h.t, h.server.cmd.Process.Pid)
	if peak > hostileMemory {
		h.t.Errorf("the server needed %d MiB", peak>>20)
	}
	h.t.Logf("%d MiB, answered %v after %v", peak>>20, h.answered, time.Since(begun).Round(time.Millisecond))
	for _, c := range h.stalled {
		c.Close()
	}
	h.client.CloseIdleConnections()
	h.server.waitForConnections()
	h.server.checkGoroutines()
}

// waitForConnections waits until the server has none any more at its public door.
func (s *serverProcess) waitForConnections() {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); s.openConnections() > 0; {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("%d connections are left open", s.openConnections())
		}
	}
}

// openConnections counts the server's ends that are established, or that it has
// not closed although the other side has (proc_pid_net(5)).
func (s *serverProcess) openConnections() (n int) {
	s.t.Helper()
	address := netip.MustParseAddrPort(s.address)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", address.Port())) && (fields[3] == "01" || fields[3] == "08") {
			n++
		}
	}
	return n
}

// checkGoroutines has the server print what its goroutines do, and end. None of
// them is at work for a sender.
func (s *serverProcess) checkGoroutines() {
	s.t.Helper()
	s.signal(syscall.SIGQUIT)
	goroutines := 0
	for line := range s.lines {
		if strings.HasPrefix(line, "goroutine ") {
			goroutines++
		}
		if strings.Contains(line, "server.(*Intake)") {
			s.t.Errorf("a goroutine is left in %s", line)
		}
	}
	if goroutines == 0 {
		s.t.Error("the server printed no goroutines")
	}
}
