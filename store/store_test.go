package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
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

// helpers are what this test binary does instead of testing when it is started
// again with the name of one in the environment, and the folder as argument.
var helpers = map[string]func(dir string){}

const helperVariable = "HOOKTENDER_STORE_TEST_HELPER"

func TestMain(m *testing.M) {
	if helper, ok := helpers[os.Getenv(helperVariable)]; ok {
		helper(os.Args[len(os.Args)-1])
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openTemp opens a new database.
func openTemp(t testing.TB) *Store {
	t.Helper()
	dir := t.TempDir()
	data, err := blank()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hooktender.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

// blank is the file of a new database. It is made once for all tests, because with the
// race detector the making of its tables takes longer than many of them.
var blank = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "hooktender-store")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := Open(context.Background(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "hooktender.db"))
})

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func newDelivery(hook string, body string) *rules.Delivery {
	return &rules.Delivery{
		Hook: hook, ReceivedAt: noon, RemoteIP: "192.0.2.7", Method: "POST", Path: hook + "?a=1",
		Event: "push", EventID: "72d3162e", Verdict: rules.Ignored, Reason: "no rule fired",
		Decisions: []rules.Decision{{Rule: "redeploy", Matched: true}, {Rule: "other", Error: "no such field"}},
		Header:    http.Header{"X-Github-Event": {"push"}, "Accept": {"a", "b"}},
		Size:      int64(len(body)), Body: []byte(body),
		Definition: &rules.Definition{ID: 7, Text: "the rules of " + hook},
	}
}

func newRun(hook, rule string) *runner.Run {
	return &runner.Run{
		Hook: hook, Rule: rule, Action: "run", QueuedAt: noon,
		Command: &rules.Command{
			Script: "./deploy.sh", Shell: []string{"/bin/sh", "-c"},
			Env:     []rules.EnvVar{{Name: "TOKEN", Value: rules.Text{{Literal: "x-"}, {Ref: "env:TOKEN"}}}},
			Timeout: rules.Duration(time.Minute), OnInterrupt: rules.Rerun,
		},
	}
}

func accept(t testing.TB, s *Store, d *rules.Delivery, runs ...*runner.Run) {
	t.Helper()
	if _, err := s.Accept(context.WithoutCancel(t.Context()), d, runs); err != nil {
		t.Fatal(err)
	}
}

// flush returns when all that was given to Record so far is on disk or dropped.
// A record counts in the queue's line until it is taken, and what is taken is
// on disk before a later Ping.
func flush(t testing.TB, s *Store) {
	t.Helper()
	waitFor(t, func() bool {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		return len(s.queue.records) == 0
	})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited for 30 s")
		}
	}
}

// rawDB is a second look at the database of an open store.
func rawDB(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db := openDB(filepath.Join(dir, "hooktender.db"), "busy_timeout(5000)")
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by another hooktender: pid %d, started 20", os.Getpid())) {
		t.Errorf("the second Open says: %v", err)
	}
}

// The migrations are not synced one by one; all that comes behind them is.
func TestEachCommitIsSynced(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // new, and as it was left
		s := open(t, dir)
		const full = 2
		var level int
		err := s.submit(t.Context(), func(tx *tx) error {
			return tx.conn.QueryRowContext(context.Background(), "PRAGMA synchronous").Scan(&level)
		})
		if err != nil || level != full {
			t.Errorf("the writer commits with synchronous = %d, %v", level, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenAfterClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, newDelivery("/a", "{}"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "hooktender.db-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Close left the log beside the database: %v", err)
	}
	again := open(t, dir)
	if _, err := again.Delivery(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space?&%20", "state")
	s := open(t, dir)
	accept(t, s, newDelivery("/a", "{}"))
	for name, want := range map[string]fs.FileMode{
		".": 0o700, "hooktender.db": 0o600, "hooktender.db-wal": 0o600, "hooktender.lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestWritesAfterCloseFail(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), newDelivery("/a", ""), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Accept says %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Ping says %v", err)
	}
	d := newDelivery("/a", "")
	s.Record(d)
	if d.ID != 0 || s.Dropped() != 1 {
		t.Errorf("Record gave id %d and dropped %d", d.ID, s.Dropped())
	}
}

func TestCloseWritesWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	const n = 3 * recordBatch
	for range n {
		s.Record(newDelivery("/a", "{}"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := open(t, dir).Deliveries(t.Context(), rules.DeliveryFilter{Limit: 2 * n})
	if err != nil || len(list) != n || s.Dropped() != 0 {
		t.Errorf("%d of %d records are there, %d dropped, %v", len(list), n, s.Dropped(), err)
	}
}

func TestAcceptWithEndedContext(t *testing.T) {
	s := openTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Accept(ctx, newDelivery("/a", ""), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept says %v", err)
	}
	if _, err := s.Delivery(t.Context(), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a delivery whose sender had left before is stored: %v", err)
	}
}

// The lock of a server that was killed may outlive it for a moment, in a child
// that it was just starting. The next one waits for that.
func TestOpenWaitsForALockThatIsLetGo(t *testing.T) {
	dir := t.TempDir()
	held, err := lockFolder(dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(100*time.Millisecond, func() { _ = unlockFolder(held) }).Stop()
	open(t, dir)
}
