package store

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const day = 24 * time.Hour

// pruneAt deletes what is due at that moment, as often as needed and at once.
func pruneAt(t *testing.T, s *Store, now time.Time, keep rules.Keep) {
	t.Helper()
	s.pruner.end() // from here on only the test prunes
	s.pruner.now, s.pruner.pace = func() time.Time { return now }, 0
	s.pruner.keep.Store(&keep)
	if err := s.pruner.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// age puts a delivery and its run into the past. A state that is an end is
// reached at once, and leaves output.
func age(t *testing.T, s *Store, ago time.Duration, state runner.State, output string) (*rules.Delivery, *runner.Run) {
	t.Helper()
	d, run := newDelivery("/a", "body"), newRun("/a", "rule")
	at := noon.Add(-ago)
	d.ReceivedAt, run.QueuedAt = at, at
	accept(t, s, d, run)
	end(t, s, run, state, at, output)
	return d, run
}

func end(t *testing.T, s *Store, run *runner.Run, state runner.State, at time.Time, output string) {
	t.Helper()
	run.State, run.Attempt = state, 1
	if state.Ended() {
		run.FinishedAt = &at
	}
	var chunk *runner.Chunk
	if output != "" {
		chunk = &runner.Chunk{Run: run.ID, Attempt: 1, Seq: 1, Data: []byte(output)}
	}
	update(t, s, run, chunk)
}

func ids[T any](list []T, id func(T) int64) []int64 {
	var all []int64
	for _, v := range list {
		all = append(all, id(v))
	}
	slices.Sort(all)
	return all
}

// What is left after a while: deliveries, runs, and runs with output.
func left(t *testing.T, s *Store) (deliveries, runs, printed []int64) {
	t.Helper()
	ds, err := s.Deliveries(t.Context(), rules.DeliveryFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	rs, err := s.Runs(t.Context(), runner.RunFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		chunks, err := s.Output(t.Context(), r.ID, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(chunks) > 0 {
			printed = append(printed, r.ID)
		}
	}
	slices.Sort(printed)
	return ids(ds, func(d *rules.Delivery) int64 { return d.ID }), ids(rs, func(r *runner.Run) int64 { return r.ID }), printed
}

func TestOldIsDeleted(t *testing.T) {
	s := openTemp(t)
	age(t, s, 100*day, runner.Succeeded, "output") // 1: old
	age(t, s, 100*day, runner.Queued, "")          // 2: must still run
	age(t, s, 100*day, runner.Waiting, "")         // 3
	age(t, s, 100*day, runner.Running, "begun")    // 4
	_, late := age(t, s, 100*day, runner.Running, "begun")
	end(t, s, late, runner.Failed, noon.Add(-day), "output") // 5: queued long ago, but it ended yesterday
	_, five := age(t, s, 40*day, runner.Canceled, "output")  // 6: outlives its delivery
	age(t, s, day, runner.Succeeded, "output")               // 7: young
	ignored := newDelivery("/a", "x")                        // 8: old, and fired nothing
	ignored.ReceivedAt = noon.Add(-31 * day)
	s.Record(ignored)
	flush(t, s)

	pruneAt(t, s, noon, rules.Keep{Deliveries: 30 * day, Runs: 90 * day, Output: 1 << 30})
	deliveries, runs, printed := left(t, s)
	if want := []int64{2, 3, 4, 7}; !reflect.DeepEqual(deliveries, want) {
		t.Errorf("deliveries %v are left, want %v", deliveries, want)
	}
	if want := []int64{2, 3, 4, 5, 6, 7}; !reflect.DeepEqual(runs, want) {
		t.Errorf("runs %v are left, want %v", runs, want)
	}
	if want := []int64{4, 5, 6, 7}; !reflect.DeepEqual(printed, want) {
		t.Errorf("runs %v have output, want %v", printed, want)
	}
	if n := count(t, s, "body"); n != 4 {
		t.Errorf("%d bodies are left", n)
	}
	if _, err := s.Delivery(t.Context(), five.Delivery); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if got, err := s.Run(t.Context(), five.ID); err != nil || got.Command == nil || got.Event != "" {
		t.Errorf("a run without its delivery: %+v, %v", got, err)
	}
	if body, err := s.Body(t.Context(), 2); err != nil || string(body) != "body" {
		t.Errorf("what a queued run needs: %q, %v", body, err)
	}
}

// When there is too much output the oldest goes first, and of a run all of it;
// the runs stay. What the last process left counts, too.
func TestTooMuchOutputIsDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	random := pushBody(3000)[:3000] // compresses to some 1.9 kB
	age(t, s, 9*day, runner.Running, random)
	for range 5 {
		age(t, s, 8*day, runner.Succeeded, random)
	}
	size := s.pruner.output.Load() / 6
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	age(t, s, 7*day, runner.Succeeded, random)
	pruneAt(t, s, noon, rules.Keep{Deliveries: 30 * day, Runs: 90 * day, Output: 3*size + size/2})
	_, runs, printed := left(t, s)
	if len(runs) != 7 {
		t.Errorf("runs %v are left, want all", runs)
	}
	if want := []int64{1, 6, 7}; !reflect.DeepEqual(printed, want) {
		t.Errorf("runs %v have output, want %v", printed, want)
	}
	var there int64
	if err := s.readDB.QueryRow("SELECT sum(length(data)) FROM output").Scan(&there); err != nil {
		t.Fatal(err)
	}
	if got := s.pruner.output.Load(); got != there || got != 3*size {
		t.Errorf("%d bytes are counted, %d are there", got, there)
	}
	pruneAt(t, s, noon, rules.Keep{Deliveries: 30 * day, Runs: 90 * day, Output: 1})
	if _, _, printed := left(t, s); !reflect.DeepEqual(printed, []int64{1}) {
		t.Errorf("runs %v have output, want that which has not ended", printed)
	}
}

// Nothing goes before somebody says how much is kept; then, and whenever there
// is too much output, it goes soon.
func TestPrunerIsWoken(t *testing.T) {
	s := openTemp(t)
	_, run := age(t, s, 0, runner.Running, "")
	run.QueuedAt = time.Now()
	s.Keep(rules.Keep{Deliveries: time.Hour, Runs: time.Hour, Output: 10})
	waitFor(t, func() bool { return count(t, s, "delivery") == 1 && len(s.pruner.due) == 0 })
	end(t, s, run, runner.Succeeded, time.Now(), "more than is to be kept")
	waitFor(t, func() bool { return count(t, s, "output") == 0 && count(t, s, "delivery") == 0 })
	if n := count(t, s, "run"); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestStepsAreSmall(t *testing.T) {
	for _, c := range []struct {
		sizes []int64
		want  int
	}{
		{nil, 0},
		{[]int64{pruneBytes + 1, 1}, 1},
		{[]int64{pruneBytes / 2, pruneBytes / 2, 1}, 2},
		{[]int64{0, 0, 0}, 3},
	} {
		var victims []victim
		for i, size := range c.sizes {
			victims = append(victims, victim{int64(i), size})
		}
		if ids, _ := atMost(victims, pruneBytes); len(ids) != c.want {
			t.Errorf("of %v it takes %d", c.sizes, len(ids))
		}
	}
}

// history is how many runs are old at once.
var history = 50_000

// A long history goes while events come in: none of them waits for it (threat 40).
func TestALongHistoryIsDeletedWhileEventsComeIn(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{
		`delivery (id, hook, received_at, remote_ip, method, path, event, event_id, verdict, reason, rules, size, headers)
			SELECT i, '/a', i, '', '', '', '', '', 'accepted', '', '[]', 100, '{}' FROM n`,
		`body SELECT i, 0, randomblob(1000) FROM n`,
		`run (id, delivery, hook, rule, action, state, attempt, exit_code, signal, error, queued_at, started_at, finished_at, process, command)
			SELECT i, i, '/a', 'rule', 'run', 'succeeded', 1, 0, '', '', i, i, i, '', '{}' FROM n`,
		`output SELECT i, 1, 1, 0, randomblob(1000) FROM n`,
	} {
		_, err := rawDB(t, dir).Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT INTO `+table, history)
		if err != nil {
			t.Fatal(err)
		}
	}

	s := open(t, dir)
	s.pruner.pace = 2 * time.Millisecond // else it takes half a minute
	stop := make(chan struct{})
	var senders sync.WaitGroup
	var waits [8][]time.Duration
	for i := range waits {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				begun := time.Now()
				d, run := newDelivery("/a", "body"), newRun("/a", "rule")
				d.ReceivedAt, run.QueuedAt = begun, begun
				accept(t, s, d, run)
				waits[i] = append(waits[i], time.Since(begun))
				pause(t.Context(), 5*time.Millisecond)
			}
		})
	}
	begun := time.Now()
	s.Keep(rules.Keep{Deliveries: day, Runs: day, Output: 1 << 30})
	waitFor(t, func() bool {
		pause(t.Context(), 20*time.Millisecond)
		return count(t, s, fmt.Sprintf("(SELECT 1 FROM run WHERE id <= %d LIMIT 1)", history)) == 0
	})
	took := time.Since(begun)
	close(stop)
	senders.Wait()

	all := slices.Sorted(slices.Values(slices.Concat(waits[:]...)))
	t.Logf("%d runs deleted in %v; meanwhile %d events accepted, median %v, 99 %% under %v, longest %v",
		history, took.Round(time.Millisecond), len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
	if longest := all[len(all)-1]; longest > 2*time.Second {
		t.Errorf("an event waited for %v", longest)
	}
	for _, table := range []string{"delivery", "run"} {
		if n := count(t, s, table); n != len(all) {
			t.Errorf("%d rows in %s, want the %d that came meanwhile", n, table, len(all))
		}
	}
	for _, table := range []string{"output", fmt.Sprintf("body WHERE delivery <= %d", history)} {
		if n := count(t, s, table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}
