package store

import (
	"testing"

	"github.com/hooktender/hooktender/rules"
)

func TestIDsGoOnAfterClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.Record(newDelivery("/a", ""))
	accept(t, s, newDelivery("/a", ""), newRun("/a", "one"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d, run := newDelivery("/a", ""), newRun("/a", "two")
	accept(t, open(t, dir), d, run)
	if d.ID != 3 || run.ID != 2 {
		t.Errorf("after 2 deliveries and 1 run come delivery %d and run %d", d.ID, run.ID)
	}
}

func TestIDsAreNotReusedWhenRowsAreGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, newDelivery("/a", ""), newRun("/a", "one"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := rawDB(t, dir).Exec("DELETE FROM delivery; DELETE FROM run"); err != nil {
		t.Fatal(err)
	}
	d, run := newDelivery("/a", ""), newRun("/a", "two")
	accept(t, open(t, dir), d, run)
	if d.ID != 2 || run.ID != 2 {
		t.Errorf("delivery %d and run %d", d.ID, run.ID)
	}
}

// A disk that takes nothing for long must not make a promise out of thin air.
func TestRecordGivesNoIDThatIsNotPromised(t *testing.T) {
	s := openTemp(t)
	release := hold(s)
	told := map[int64]bool{}
	for range 3 * reserve {
		d := newDelivery("/a", "")
		s.Record(d)
		told[d.ID] = true
	}
	if len(told) != reserve+1 || !told[0] || !told[1] || !told[reserve] {
		t.Errorf("%d ids were told of %d promised", len(told), reserve)
	}
	release()
	flush(t, s)
	d := &rules.Delivery{Verdict: rules.Ignored}
	waitFor(t, func() bool { s.Record(d); return d.ID > 3*reserve })
}

// However quickly ids go, half of the reserve is soon there again.
func TestPromiseIsRenewedInTime(t *testing.T) {
	s := openTemp(t)
	for range 5 {
		for range reserve / 2 {
			d := newDelivery("/a", "")
			if s.Record(d); d.ID == 0 {
				t.Fatal("no id was left")
			}
		}
		waitFor(t, func() bool { return !s.writer.deliveries.low() })
	}
}

func TestIDsGoOnAfterTheRowsThatAreThere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, newDelivery("/a", ""), newRun("/a", "one"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := rawDB(t, dir).Exec("DELETE FROM meta"); err != nil {
		t.Fatal(err)
	}
	d, run := newDelivery("/a", ""), newRun("/a", "two")
	accept(t, open(t, dir), d, run)
	if d.ID != 2 || run.ID != 2 {
		t.Errorf("delivery %d and run %d", d.ID, run.ID)
	}
}
