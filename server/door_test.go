package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openDoor opens a door and serves until the test ends.
func openDoor(t *testing.T, address string, handler http.Handler, limits Limits) (*Door, *lockedBuffer) {
	t.Helper()
	log, text := newLog()
	d, err := Open("test", address, 0o600, handler, limits, log)
	if err != nil {
		t.Fatal(err)
	}
	serveUntilEnd(t, d)
	return d, text
}

func serveUntilEnd(t *testing.T, d *Door) {
	served := make(chan error, 1)
	go func() { served <- d.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d.Close(ctx)
		if err := within(t, "the end of Serve", served); err != nil {
			t.Error(err)
		}
	})
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "hello") })

// dial connects to a door by its address.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func client(t *testing.T, address string) *http.Client {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			return net.Dial("unix", path)
		}
		return net.Dial("tcp", address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, path string) answered {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://hooktender"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, c, r)
}

func TestDoorAtAnyPort(t *testing.T) {
	d, _ := openDoor(t, "127.0.0.1:0", hello, PrivateLimits)
	if strings.HasSuffix(d.Address(), ":0") || !strings.HasPrefix(d.Address(), "127.0.0.1:") {
		t.Errorf("address %s", d.Address())
	}
	if a := get(t, client(t, d.Address()), "/"); a.body != `"hello"` {
		t.Errorf("answered %+v", a)
	}
	log, _ := newLog()
	if _, err := Open("second", d.Address(), 0, hello, PrivateLimits, log); err == nil || !strings.Contains(err.Error(), "open the second door") {
		t.Errorf("the same address twice: %v", err)
	}
}

// socketIn is short: a socket's path has at most 107 bytes.
func socketIn(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ht")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestSocketModeFromTheFirstMoment(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o660} {
		path := socketIn(t)
		before := currentUmask()
		// Nothing but bind and listen: no chmod can have come to help.
		l, err := listenMasked(path, mode)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if currentUmask() != before {
			t.Error("the mask is another one now")
		}
	}
}

func currentUmask() int {
	umask.Lock()
	defer umask.Unlock()
	mask := syscall.Umask(0o77)
	syscall.Umask(mask)
	return mask
}

func TestDoorAtSocket(t *testing.T) {
	path := socketIn(t)
	d, _ := openDoor(t, "unix:"+path, hello, PrivateLimits)
	if d.Address() != "unix:"+path {
		t.Errorf("address %s", d.Address())
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if a := get(t, client(t, d.Address()), "/"); a.body != `"hello"` {
		t.Errorf("answered %+v", a)
	}
	log, _ := newLog()
	if _, err := Open("second", "unix:"+path, 0o600, hello, PrivateLimits, log); err == nil || !strings.Contains(err.Error(), "another server answers there") {
		t.Errorf("a living socket is taken: %v", err)
	}
	if a := get(t, client(t, d.Address()), "/"); a.body != `"hello"` {
		t.Errorf("after the second server: %+v", a)
	}
}

func TestStaleSocket(t *testing.T) {
	path := socketIn(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	d, _ := openDoor(t, "unix:"+path, hello, PrivateLimits)
	if a := get(t, client(t, d.Address()), "/"); a.body != `"hello"` {
		t.Errorf("answered %+v", a)
	}
}

// A server that is so busy that nobody can connect is not a dead one.
func TestBusySocketIsNotStale(t *testing.T) {
	path := socketIn(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 8 { // fill its queue
		if c, err := net.Dial("unix", path); err == nil {
			defer c.Close()
		}
	}
	err = removeStale(path)
	if err == nil || !strings.Contains(err.Error(), "may be another server's") {
		t.Errorf("removeStale: %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestNoSocketIsTouched(t *testing.T) {
	path := socketIn(t)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := path + "2"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	log, _ := newLog()
	for _, p := range []string{path, link} {
		if _, err := Open("test", "unix:"+p, 0o600, hello, PrivateLimits, log); err == nil || !strings.Contains(err.Error(), "is no socket") {
			t.Errorf("%s: %v", p, err)
		}
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

// A door may be closed before it serves, when another one did not open.
func TestCloseBeforeServe(t *testing.T) {
	path := socketIn(t)
	log, _ := newLog()
	for _, address := range []string{"127.0.0.1:0", "unix:" + path} {
		d, err := Open("test", address, 0o600, hello, PrivateLimits, log)
		if err != nil {
			t.Fatal(err)
		}
		d.Close(t.Context())
		again, err := Open("test", d.Address(), 0o600, hello, PrivateLimits, log)
		if err != nil {
			t.Fatalf("the address is still taken: %v", err)
		}
		again.Close(t.Context())
		if err := d.Serve(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestCloseLetsARequestEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	d, _ := openDoor(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		if r.Context().Err() != nil {
			t.Error("the request is cut off")
		}
		answer(w, 200, "done")
	}), PublicLimits)
	answers := make(chan answered, 1)
	go func() { answers <- get(t, client(t, d.Address()), "/") }()
	within(t, "the request", entered)
	closed := make(chan struct{})
	go func() { d.Close(context.Background()); close(closed) }()
	within(t, "the beginning of Close", d.closing.Done())
	close(release)
	if a := within(t, "the answer", answers); a.body != `"done"` {
		t.Errorf("answered %+v", a)
	}
	within(t, "Close", closed)
}

func TestCloseCutsOff(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	d, _ := openDoor(t, "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}), PublicLimits)
	failed := make(chan error, 1)
	go func() {
		resp, err := client(t, d.Address()).Get("http://hooktender/")
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	within(t, "the request", entered)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	d.Close(ctx)
	within(t, "the end of the handler", left)
	if within(t, "the end of the request", failed) == nil {
		t.Error("the request was answered")
	}
}

func TestPanicIsSeen(t *testing.T) {
	d, log := openDoor(t, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh dear") }), PublicLimits)
	if resp, err := client(t, d.Address()).Post("http://hooktender/x?token=s3cret", "text/plain", nil); err == nil {
		resp.Body.Close()
		t.Errorf("answered %s", resp.Status)
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "oh dear") || !strings.Contains(text, "door_test.go") || strings.Contains(text, "s3cret") {
		t.Errorf("log: %s", text)
	}
}

func TestOptionsStar(t *testing.T) {
	p := openPublic(t, contractYAML)
	d, _ := openDoor(t, "127.0.0.1:0", p.intake, PublicLimits)
	for _, request := range []string{"OPTIONS * HTTP/1.1", "CONNECT example.com:80 HTTP/1.1", "POST http://example.com/nothing HTTP/1.1"} {
		c := dial(t, d.Address())
		if _, err := io.WriteString(c, request+"\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("%s: %s", request, resp.Status)
		}
	}
}

// 7: limits that make the tests quick. The real ones are the same kind.
var quick = Limits{ReadHeader: 300 * time.Millisecond, Read: 500 * time.Millisecond, Write: 5 * time.Second, Idle: 300 * time.Millisecond, Header: 4 << 10}

func TestSlowSenders(t *testing.T) {
	const head = "POST /open HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct{ send, status string }{
		"says nothing":             {"", ""},
		"header never ends":        {head, ""},
		"body never comes":         {head + "Content-Length: 10\r\n\r\n", "408"},
		"body never ends":          {head + "Content-Length: 10\r\n\r\n{", "408"},
		"chunks never end":         {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "408"},
		"huge body never comes":    {head + "Content-Length: 26000000\r\n\r\n{", "408"},
		"idle after its request":   {head + "Content-Length: 2\r\n\r\n{}", "202"},
		"header over the limit":    {head + "X-A: " + strings.Repeat("a", 10_000) + "\r\n\r\n", "431"},
		"many headers":             {head + strings.Repeat("X-A: a\r\n", 2000) + "\r\n", "431"},
		"path over the limit":      {"POST /" + strings.Repeat("a", 10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"body over what is agreed": {head + "Content-Length: 26214401\r\n\r\n", "413"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openPublic(t, "hooks: {/open: {verify: none, rules: [{name: r, run: \"true\"}]}}")
			d, _ := openDoor(t, "127.0.0.1:0", p.intake, quick)
			conn := dial(t, d.Address())
			if _, err := io.WriteString(conn, c.send); err != nil && c.status != "431" {
				t.Fatal(err)
			}
			said, err := io.ReadAll(conn) // until the server closes it
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the connection is still open; it said %q", said)
			}
			if c.status == "" && len(said) > 0 && !strings.HasPrefix(string(said), "HTTP/1.1 408") || !strings.HasPrefix(string(said), strings.TrimSuffix("HTTP/1.1 "+c.status, " ")) && c.status != "" {
				t.Errorf("said %q", said)
			}
			if _, _, enqueued := p.take(); len(enqueued) > 0 != (c.status == "202") {
				t.Errorf("%d runs", len(enqueued))
			}
		})
	}
}

// announced is a reader that has only a part of what was announced.
type announced struct{ reads []int }

func (a *announced) Read(p []byte) (int, error) {
	a.reads = append(a.reads, len(p))
	if len(a.reads) > 1 {
		return 0, io.ErrUnexpectedEOF
	}
	return 1, nil
}

func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	r := &announced{}
	body, err := readSized(r, 1<<40, 1<<30, plenty())
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 1 || cap(body) > believed {
		t.Errorf("%d bytes in %d, %v", len(body), cap(body), err)
	}
}

func TestReadSized(t *testing.T) {
	for _, size := range []int{1, 2, believed - 1, believed, believed + 1, 2 * believed, 3*believed + 7, 1 << 20} {
		text := strings.Repeat("abcdefg", size/7+1)[:size]
		for _, length := range []int{size, -1} {
			if body, err := readSized(strings.NewReader(text), int64(length), 1<<30, plenty()); err != nil || string(body) != text {
				t.Errorf("%d announced, %d there: %d read, %v", length, size, len(body), err)
			}
		}
		if _, err := readSized(strings.NewReader(text), int64(size+1), 1<<30, plenty()); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("one byte less than announced: %v", err)
		}
	}
}

// plenty is a reservation that is never too small.
func plenty() *reservation { return &reservation{budget: new(budget), limit: 1 << 40} }

// Large bodies share a budget: who finds it used up is asked to come again, and
// it is given back when a request ends.
func TestBodiesShareABudget(t *testing.T) {
	d := openPublic(t, "hooks: {/open: {verify: none, rules: [{when: ref == 1, run: x}]}}")
	large := `{"a":"` + strings.Repeat("x", 2*believed) + `"}`
	send := func() int { return d.send(t, d.request(t, "POST", "/open", large)).status }

	if status := send(); status == http.StatusServiceUnavailable {
		t.Errorf("alone: answered %d", status)
	}
	if used := d.intake.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes are not given back", used)
	}
	d.intake.bodies.used.Store(allBodies - believed)
	if status := send(); status != http.StatusServiceUnavailable {
		t.Errorf("beside others: answered %d", status)
	}
	if small := d.send(t, d.request(t, "POST", "/open", `{"ref":"x"}`)); small.status == http.StatusServiceUnavailable {
		t.Error("a small body needs no room")
	}
	if used := d.intake.bodies.used.Load(); used != allBodies-believed {
		t.Errorf("%d bytes are used", used)
	}
}

type ping struct{ error }

func (p ping) Ping(ctx context.Context) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("may take for ever")
	}
	return p.error
}

func TestHealth(t *testing.T) {
	for path, want := range map[string]string{"/healthz": `{"status":"alive"}`, "/readyz": `{"status":"ready"}`} {
		d, _ := openDoor(t, "127.0.0.1:0", Health(ping{}), PrivateLimits)
		if a := get(t, client(t, d.Address()), path); a.status != 200 || a.body != want {
			t.Errorf("%s: %+v", path, a)
		}
	}
	d, _ := openDoor(t, "127.0.0.1:0", Health(ping{errDisk}), PrivateLimits)
	c := client(t, d.Address())
	if a := get(t, c, "/readyz"); a.status != 503 || a.header.Get("Retry-After") == "" || strings.Contains(a.body, errDisk.Error()) {
		t.Errorf("not ready: %+v", a)
	}
	if a := get(t, c, "/healthz"); a.status != 200 {
		t.Errorf("alive: %+v", a)
	}
	for _, path := range []string{"/", "/readyz/", "/api/runs", "/api/deliveries"} {
		if a := get(t, c, path); a.status != 404 || a.body != `{"error":"not found"}` {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
