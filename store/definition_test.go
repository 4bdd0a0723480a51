package store

import (
	"errors"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func defined(id int64, after time.Duration) *rules.Delivery {
	d := newDelivery("/a", "body")
	d.ReceivedAt = noon.Add(after)
	d.Definition = &rules.Definition{ID: id, Text: "rules " + string(rune('0'+id))}
	return d
}

func definitionOf(t *testing.T, s *Store, d *rules.Delivery) string {
	t.Helper()
	got, err := s.Delivery(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Definition == nil {
		return ""
	}
	return got.Definition.Text
}

// Each delivery refers to what decided it, and the same text is kept once.
func TestDefinitionsAreKeptOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first, second, third := defined(1, 0), defined(2, time.Second), defined(1, 2*time.Second)
	accept(t, s, first, newRun("/a", "redeploy"))
	s.Record(second)
	accept(t, s, third, newRun("/a", "redeploy"))
	none := newDelivery("/a", "")
	none.Definition = nil
	s.Record(none)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	fourth := defined(1, 3*time.Second) // by another process
	accept(t, s, fourth, newRun("/a", "redeploy"))
	for d, want := range map[*rules.Delivery]string{first: "rules 1", second: "rules 2", third: "rules 1", fourth: "rules 1", none: ""} {
		if got := definitionOf(t, s, d); got != want {
			t.Errorf("delivery %d: %q, want %q", d.ID, got, want)
		}
	}
	if n := count(t, s, "definition"); n != 2 {
		t.Errorf("%d definitions, want 2", n)
	}
}

// A transaction that failed has kept nothing, so the next one does.
func TestDefinitionOfAFailedTransaction(t *testing.T) {
	s := openTemp(t)
	lost := errors.New("lost")
	err := s.submit(t.Context(), func(tx *tx) error {
		if err := tx.definitions.keep(tx, useOf(defined(1, 0))); err != nil {
			return err
		}
		return lost
	})
	if !errors.Is(err, lost) || count(t, s, "definition") != 0 {
		t.Fatalf("%v, %d definitions", err, count(t, s, "definition"))
	}
	d := defined(1, time.Second)
	accept(t, s, d, newRun("/a", "redeploy"))
	if got := definitionOf(t, s, d); got != "rules 1" {
		t.Errorf("%q", got)
	}
}

// What no delivery refers to any longer goes; what is used comes back.
func TestDefinitionsArePruned(t *testing.T) {
	s := openTemp(t)
	old, recent := defined(1, -100*day), defined(2, 0)
	for _, d := range []*rules.Delivery{old, recent} {
		s.Record(d)
		if got := definitionOf(t, s, d); got == "" {
			t.Fatal("not kept")
		}
	}
	pruneAt(t, s, noon, rules.Keep{Deliveries: 30 * day, Runs: time.Hour, Output: 1 << 30})
	if n := count(t, s, "definition"); n != 1 || definitionOf(t, s, recent) != "rules 2" {
		t.Errorf("%d definitions, want that of the recent delivery", n)
	}
	again := defined(1, time.Minute)
	s.Record(again)
	if got := definitionOf(t, s, again); got != "rules 1" {
		t.Errorf("%q, want what was deleted before", got)
	}
}

// used_at follows the deliveries, an hour behind at most.
func TestDefinitionsInUseStay(t *testing.T) {
	s := openTemp(t)
	for after := time.Duration(0); after < 5*time.Hour; after += 10 * time.Minute {
		accept(t, s, defined(1, after), newRun("/a", "redeploy"))
	}
	var used int64
	if err := s.readDB.QueryRow("SELECT used_at FROM definition").Scan(&used); err != nil {
		t.Fatal(err)
	}
	last := noon.Add(4*time.Hour + 50*time.Minute)
	if behind := last.Sub(moment(used)); behind < 0 || behind > noteUse {
		t.Errorf("%v behind", behind)
	}
}
