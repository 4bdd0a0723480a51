package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeIntake is a store and a queue in one, so that it knows what came first.
// It refuses what the real ones could not live with. What becomes of its runs
// is told by fakeRuns.
type fakeIntake struct {
	*fakeRuns
	t testing.TB

	mu       sync.Mutex
	lastID   int64
	lastRun  int64
	recorded []*rules.Delivery
	accepted []*rules.Delivery
	stored   map[*runner.Run]bool
	enqueued []*runner.Run
	bodies   [][]byte // of those kept, where the door had them
	fail     error
	full     bool
	dedupes  bool // Accept knows events again

	displaced     runner.Displaced // what Accept says
	displacements []runner.Displaced
	// onAccept, when set, is called while an Accept is under way.
	onAccept func(context.Context)
}

var (
	_ IntakeStore = (*fakeIntake)(nil)
	_ Queue       = (*fakeIntake)(nil)
)

func newFakeIntake(t testing.TB) *fakeIntake {
	return &fakeIntake{fakeRuns: &fakeRuns{waiting: make(chan struct{}, 1000), canceling: make(chan int64, 10)}, t: t, lastID: 16, lastRun: 41, stored: map[*runner.Run]bool{}}
}

func (f *fakeIntake) Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	if f.onAccept != nil {
		f.onAccept(ctx)
	}
	if err := ctx.Err(); err != nil {
		return runner.Displaced{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if d.ID != 0 || d.Verdict != rules.Accepted || d.Reason != "" || len(runs) == 0 {
		f.t.Errorf("accepting a delivery that is none: %+v, %d runs", d, len(runs))
	}
	if f.fail != nil {
		return runner.Displaced{}, f.fail
	}
	for _, first := range f.accepted {
		if f.dedupes && first.DedupeKey == d.DedupeKey {
			d.Verdict, d.Reason, d.DuplicateOf = rules.Duplicate, "seen before", first.ID
			return runner.Displaced{}, nil
		}
	}
	f.lastID++
	d.ID = f.lastID
	for _, r := range runs {
		if r.Command == nil || r.State != runner.Queued || r.Hook != d.Hook || r.Event != d.Event || !r.QueuedAt.Equal(d.ReceivedAt) {
			f.t.Errorf("accepting an odd run: %+v", r)
		}
		f.lastRun++
		r.ID, r.Delivery = f.lastRun, d.ID
		f.stored[r] = true
		f.begin(r)
	}
	f.accepted = append(f.accepted, f.keep(d))
	return f.displaced, nil
}

// keep is the delivery as it is now: the memory of its body is soon another's.
func (f *fakeIntake) keep(d *rules.Delivery) *rules.Delivery {
	kept := *d
	kept.Body = bytes.Clone(d.Body)
	f.bodies = append(f.bodies, d.Body)
	return &kept
}

func (f *fakeIntake) Record(d *rules.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d.Verdict == "" || d.Verdict == rules.Accepted || d.Reason == "" || d.ReceivedAt.IsZero() {
		f.t.Errorf("recording a delivery that is none: %+v", d)
	}
	f.lastID++
	d.ID = f.lastID
	f.recorded = append(f.recorded, f.keep(d))
}

func (f *fakeIntake) Displace(d runner.Displaced) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.displacements = append(f.displacements, d)
}

func (f *fakeIntake) Full(string) bool { return f.full }

func (f *fakeIntake) Named(string) int64 { return 0 }

func (f *fakeIntake) Holder(runner.Conn) (int64, bool) { return 0, false }

func (*fakeIntake) Reserve([]*runner.Run) func() { return func() {} }
func (f *fakeIntake) Enqueue(runs ...*runner.Run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range runs {
		if !f.stored[r] {
			f.t.Errorf("run %d of rule %q is enqueued, and it is not stored or enqueued already", r.ID, r.Rule)
		}
		delete(f.stored, r)
		r.Body = bytes.Clone(r.Body)
	}
	f.enqueued = append(f.enqueued, runs...)
}

// take returns all that was kept, and forgets it.
func (f *fakeIntake) take() (recorded, accepted []*rules.Delivery, enqueued []*runner.Run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	recorded, accepted, enqueued = f.recorded, f.accepted, f.enqueued
	f.recorded, f.accepted, f.enqueued = nil, nil, nil
	return recorded, accepted, enqueued
}

// lockedBuffer is a log that many may write and one may read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newLog() (*slog.Logger, *lockedBuffer) {
	var b lockedBuffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

// load compiles a configuration as the program does.
func load(t testing.TB, yaml string) *rules.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hooktender.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := rules.Load(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, yaml)
	}
	return c
}

// publicDoor is an intake behind a real socket.
type publicDoor struct {
	*fakeIntake
	intake *Intake
	server *httptest.Server
	log    *lockedBuffer
}

func openPublic(t testing.TB, yaml string) *publicDoor {
	t.Helper()
	log, text := newLog()
	d := &publicDoor{fakeIntake: newFakeIntake(t), log: text}
	d.intake = NewIntake(d.fakeIntake, d.fakeIntake, log)
	d.intake.Use(load(t, yaml))
	d.server = httptest.NewServer(d.intake)
	t.Cleanup(d.server.Close)
	d.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d
}

// answered is an answer that was read to its end.
type answered struct {
	status int
	header http.Header
	body   string
}

// send may be called from any goroutine: it fails the test and goes on.
func send(t testing.TB, client *http.Client, r *http.Request) answered {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return answered{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return answered{resp.StatusCode, resp.Header, strings.TrimSuffix(string(body), "\n")}
}

func (d *publicDoor) send(t testing.TB, r *http.Request) answered {
	t.Helper()
	return send(t, d.server.Client(), r)
}

// request makes a request; headers are name, value, name, value.
func (d *publicDoor) request(t testing.TB, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err) // a mistake of the test itself
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func githubSignature(secret, body string) string { return "sha256=" + hmacHex(secret, body) }

func hmacHex(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// patience is how long a test waits for what must happen before it gives up.
const patience = 10 * time.Second

// within fails the test unless c delivers.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

var errDisk = errors.New("no space left on device")
