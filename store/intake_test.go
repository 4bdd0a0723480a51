package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func TestAcceptKeepsEverything(t *testing.T) {
	s := openTemp(t)
	d := newDelivery("/deploy/:service", `{"ref":"refs/heads/main"}`)
	one, two := newRun(d.Hook, "redeploy"), newRun(d.Hook, "later")
	two.State = runner.Waiting
	accept(t, s, d, one, two)

	if d.ID != 1 || d.Verdict != rules.Accepted || one.ID != 1 || two.ID != 2 || two.Delivery != 1 {
		t.Errorf("delivery %d is %s, with runs %d and %d of delivery %d", d.ID, d.Verdict, one.ID, two.ID, two.Delivery)
	}
	if one.State != runner.Queued || two.State != runner.Waiting {
		t.Errorf("the runs are %s and %s", one.State, two.State)
	}
	stored, err := s.Delivery(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Body, err = s.Body(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(stored, d) {
		t.Errorf("stored\n%+v, want\n%+v", stored, d)
	}
	for _, want := range []*runner.Run{one, two} {
		if got, err := s.Run(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("stored\n%+v, want\n%+v, %v", got, want, err)
		}
	}
}

func TestBodies(t *testing.T) {
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	s := openTemp(t)
	for _, body := range []string{"", "x", strings.Repeat("hook", 9000), string(random)} {
		d := newDelivery("/a", body)
		accept(t, s, d)
		if got, err := s.Body(t.Context(), d.ID); err != nil || string(got) != body {
			t.Errorf("a body of %d bytes came back with %d, %v", len(body), len(got), err)
		}
	}
}

// hold keeps the writer busy with a task until the returned function is called.
func hold(s *Store) (release func()) {
	started, released := make(chan struct{}), make(chan struct{})
	s.queue.put(task{
		do:   func(*tx) error { close(started); <-released; return nil },
		done: func(error) {},
	})
	<-started
	return func() { close(released) }
}

// together carries out the writes in one batch and returns their errors.
func together(t *testing.T, s *Store, writes ...func(context.Context) error) []error {
	release := hold(s)
	errs := make([]error, len(writes))
	var wg sync.WaitGroup
	for i, write := range writes {
		wg.Go(func() { errs[i] = write(context.Background()) })
	}
	waitFor(t, func() bool {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		return len(s.queue.tasks) == len(writes)
	})
	release()
	wg.Wait()
	return errs
}

func TestBadOperationSparesItsNeighbours(t *testing.T) {
	s := openTemp(t)
	first, second, nonsense := newRun("/a", "one"), newRun("/a", "two"), newRun("/a", "three")
	accept(t, s, newDelivery("/a", ""), nonsense)
	nonsense.State = "nonsense"
	errs := together(t, s,
		func(ctx context.Context) error {
			_, err := s.Accept(ctx, newDelivery("/a", "1"), []*runner.Run{first})
			return err
		},
		func(ctx context.Context) error { return s.Update(ctx, nonsense, nil) },
		func(ctx context.Context) error { return s.Update(ctx, &runner.Run{ID: 999, State: runner.Failed}, nil) },
		func(ctx context.Context) error {
			return s.AppendOutput(ctx, &runner.Chunk{Run: 999, Attempt: 1, Seq: 1, Data: []byte("x")})
		},
		func(ctx context.Context) error {
			_, err := s.Accept(ctx, newDelivery("/a", "2"), []*runner.Run{second})
			return err
		},
	)
	if errs[0] != nil || errs[4] != nil {
		t.Errorf("the neighbours failed: %v, %v", errs[0], errs[4])
	}
	if errs[1] == nil || !strings.Contains(errs[1].Error(), "CHECK constraint failed") {
		t.Errorf("a state that does not exist: %v", errs[1])
	}
	if !errors.Is(errs[2], fs.ErrNotExist) || !strings.HasSuffix(errs[2].Error(), "no run 999") {
		t.Errorf("a run that does not exist: %v", errs[2])
	}
	if errs[3] == nil || !strings.Contains(errs[3].Error(), "FOREIGN KEY constraint failed") {
		t.Errorf("output of a run that does not exist: %v", errs[3])
	}
	for _, run := range []*runner.Run{first, second} {
		if _, err := s.Run(t.Context(), run.ID); err != nil {
			t.Error(err)
		}
	}
}

func TestAcceptIsAllOrNothing(t *testing.T) {
	s := openTemp(t)
	d, bad := newDelivery("/a", "x"), newRun("/a", "two")
	bad.State = "nonsense"
	if _, err := s.Accept(t.Context(), d, []*runner.Run{newRun("/a", "one"), bad}); err == nil {
		t.Fatal("a run in a state that does not exist was accepted")
	}
	if _, err := s.Delivery(t.Context(), d.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its delivery: %v", err)
	}
	if runs, err := s.Runs(t.Context(), runner.RunFilter{}); err != nil || len(runs) != 0 {
		t.Errorf("its neighbour: %v, %v", runs, err)
	}
}

func TestAcceptStopsWaitingWithItsContext(t *testing.T) {
	s := openTemp(t)
	release := hold(s)
	ctx, cancel := context.WithCancel(t.Context())
	d := newDelivery("/a", "x")
	failed := make(chan error)
	go func() { _, err := s.Accept(ctx, d, nil); failed <- err }()
	waitFor(t, func() bool {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		return len(s.queue.tasks) == 1
	})
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may still happen") {
		t.Errorf("Accept says %v", err)
	}
	id := d.ID
	clear(d.Body) // the caller's again, also while the writer still writes
	*d = rules.Delivery{}
	release()
	flush(t, s)
	if got, err := s.Delivery(t.Context(), id); err != nil || got.Hook != "/a" {
		t.Errorf("written afterwards: %+v, %v", got, err)
	}
	if body, err := s.Body(t.Context(), id); err != nil || string(body) != "x" {
		t.Errorf("written afterwards: %q, %v", body, err)
	}
}

func TestRecordIsReadableSoon(t *testing.T) {
	s := openTemp(t)
	d := newDelivery("/a", "body")
	s.Record(d)
	if d.ID != 1 {
		t.Errorf("id %d", d.ID)
	}
	flush(t, s)
	got, err := s.Delivery(t.Context(), 1)
	if err != nil || got.Verdict != rules.Ignored || got.Header.Get("X-GitHub-Event") != "push" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRecordDropsWhatIsTooMany(t *testing.T) {
	s := openTemp(t)
	release := hold(s)
	for range maxRecords {
		s.queue.offer(task{do: func(*tx) error { return nil }, done: func(error) {}})
	}
	d := newDelivery("/a", "")
	s.Record(d)
	if d.ID == 0 || s.Dropped() != 1 || len(s.queue.records) != maxRecords {
		t.Errorf("delivery %d, %d dropped, %d held", d.ID, s.Dropped(), len(s.queue.records))
	}
	release()
}

func TestRecordDropsWhatIsTooLarge(t *testing.T) {
	s := openTemp(t)
	release := hold(s)
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = byte(rand.Uint32()) // does not compress
	}
	for range 20 {
		s.Record(newDelivery("/a", string(body)))
	}
	if got, held := s.Dropped(), s.queue.bytes; got != 5 || held > maxRecordBytes {
		t.Errorf("%d dropped, %d bytes held", got, held)
	}
	release()
	flush(t, s)
	if s.queue.bytes != 0 {
		t.Errorf("%d bytes are still counted", s.queue.bytes)
	}
}

func TestDropsAreLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	s := openTemp(t)
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		s.drop(errors.New("why"))
	}
	s.nextWarning.Store(0) // a minute later
	s.drop(nil)
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "dropped_since_start=1 error=why") ||
		!strings.Contains(got, "dropped_since_start=4") {
		t.Error(got)
	}
}

func TestRejectedBodyIsLimited(t *testing.T) {
	s := openTemp(t)
	var ids []int64
	for _, size := range []int{maxRejectedBody, maxRejectedBody + 1} {
		d := newDelivery("/a", strings.Repeat("x", size))
		d.Verdict = rules.Rejected
		s.Record(d)
		ids = append(ids, d.ID)
	}
	flush(t, s)
	if body, err := s.Body(t.Context(), ids[0]); err != nil || len(body) != maxRejectedBody {
		t.Errorf("the smaller: %d bytes, %v", len(body), err)
	}
	if _, err := s.Body(t.Context(), ids[1]); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "65537 bytes was not kept") {
		t.Errorf("the larger: %v", err)
	}
}

func TestUnacceptedArePruned(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	oldest := newDelivery("/a", "body")
	oldest.ReceivedAt = noon.AddDate(-1, 0, 0)
	s.Record(oldest)
	accept(t, s, newDelivery("/a", ""), newRun("/a", "kept"))
	flush(t, s)
	fill(t, dir, keepUnaccepted+pruneBatch+100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	counts := []int{}
	for range 3 {
		s.Record(newDelivery("/a", ""))
		flush(t, s)
		counts = append(counts, count(t, s, "delivery WHERE verdict <> 'accepted'"))
	}
	want := []int{keepUnaccepted + 102, keepUnaccepted, keepUnaccepted}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("kept %v, want %v", counts, want)
	}
	if _, err := s.Delivery(t.Context(), oldest.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest: %v", err)
	}
	if n := count(t, s, "body"); n != 0 {
		t.Errorf("%d bodies outlived their delivery", n)
	}
	if n := count(t, s, "delivery WHERE verdict = 'accepted'"); n != 1 {
		t.Errorf("of 1 accepted, %d are left", n)
	}
}

// What was rejected, or is a handshake, pushes nothing out but its like, and the clock, set
// back meanwhile, does not make the newest look like the oldest.
func TestRejectedHaveAShareOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ignored := newDelivery("/a", "body")
	s.Record(ignored)
	flush(t, s)
	fill(t, dir, keepUnaccepted)
	if _, err := rawDB(t, dir).Exec("UPDATE delivery SET verdict = 'rejected', received_at = received_at + ? WHERE id >= 100",
		(365 * day).Microseconds()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	var rejected []int64
	for i := range 300 {
		d := newDelivery("/a", "")
		if i%2 == 0 {
			d.Verdict = rules.Rejected
		} else {
			d.Decisions = nil // no rule is asked about a handshake
		}
		s.Record(d)
		rejected = append(rejected, d.ID)
	}
	flush(t, s)
	if n := count(t, s, "delivery WHERE "+byStrangers); n != keepUnaccepted {
		t.Errorf("%d rejected ones are kept", n)
	}
	for _, id := range []int64{ignored.ID, rejected[0], rejected[299]} {
		if _, err := s.Delivery(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Delivery(t.Context(), 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest: %v", err)
	}
}

// fill writes n ignored deliveries past the store.
func fill(t *testing.T, dir string, n int) {
	_, err := rawDB(t, dir).Exec(`WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n LIMIT ?)
		INSERT INTO delivery (id, hook, received_at, remote_ip, method, path, event, event_id, verdict, reason, rules, size, headers)
		SELECT i, '/a', ? + i, '', '', '', '', '', 'ignored', '', '[{"rule":"other"}]', 0, 'null' FROM n`,
		n, noon.UnixMicro())
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s *Store, from string) (n int) {
	t.Helper()
	if err := s.readDB.QueryRow(fmt.Sprintf("SELECT count(*) FROM %s", from)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A person who looks right after an event finds it.
func TestRecordIsSeenAtOnce(t *testing.T) {
	s := openTemp(t)
	for i := range 5 {
		d := newDelivery("/a", "")
		d.Verdict = rules.Ignored
		s.Record(d)
		list, err := s.Deliveries(t.Context(), rules.DeliveryFilter{})
		if err != nil || len(list) != i+1 || list[0].ID != d.ID {
			t.Fatalf("after record %d: %d deliveries, %v", i+1, len(list), err)
		}
		if _, err := s.Delivery(t.Context(), d.ID); err != nil {
			t.Error(err)
		}
	}
}
