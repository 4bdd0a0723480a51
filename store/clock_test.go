package store

import (
	"reflect"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const year = 365 * day

// The order of the queue is that in which events came, whatever their times say.
func TestTheQueueKeepsItsOrderWhenTheClockIsSet(t *testing.T) {
	s := openTemp(t)
	for _, jump := range []time.Duration{0, year, -year, 0} {
		age(t, s, -jump, runner.Queued, "")
	}
	places, err := s.Unfinished(t.Context(), runner.Queued)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, p := range places {
		got = append(got, p.ID)
	}
	if want := []int64{1, 2, 3, 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// A run that waits tells since when: that bounds how long it may wait.
func TestAWaitingRunTellsSinceWhen(t *testing.T) {
	s := openTemp(t)
	_, retried := age(t, s, -year, runner.Waiting, "")
	begun, due := noon.Add(year+time.Hour), noon.Add(year+2*time.Hour)
	retried.StartedAt, retried.NotBefore = &begun, &due
	update(t, s, retried, nil)
	debounced := newRun("/a", "rule")
	command := *debounced.Command
	command.Debounce = &rules.Debounce{Quiet: rules.Duration(time.Minute), Max: rules.Duration(time.Hour)}
	debounced.Command = &command
	enter(t, s, debounced)
	places, err := s.Unfinished(t.Context(), runner.Waiting)
	if err != nil || len(places) != 2 {
		t.Fatal(places, err)
	}
	for i, want := range []time.Time{begun, noon} {
		if !places[i].Since.Equal(want) {
			t.Errorf("run %d waits since %v, want %v", places[i].ID, places[i].Since, want)
		}
	}
}

// A burst that began in what is the future now, or long ago, ends soon.
func TestABurstEndsWhenTheClockIsSet(t *testing.T) {
	for _, jump := range []time.Duration{year, -year} {
		s := openTemp(t)
		var last *runner.Run
		for _, at := range []time.Time{noon.Add(jump), noon} {
			d, run := newDelivery("/a", ""), newRun("/a", "rule")
			command := *run.Command
			command.Debounce = &rules.Debounce{Quiet: rules.Duration(time.Minute), Max: rules.Duration(time.Hour)}
			run.Command, d.ReceivedAt, run.QueuedAt, last = &command, at, at, run
			accept(t, s, d, run)
		}
		if wait := last.NotBefore.Sub(noon); wait > time.Minute {
			t.Errorf("after a jump of %v it waits %v", jump, wait)
		}
	}
}

// What seems to come from the future is kept until it is old, and does not keep
// the rest from being deleted; nor do runs that ended before they began.
func TestTheFutureIsKept(t *testing.T) {
	s := openTemp(t)
	age(t, s, 100*day, runner.Succeeded, "output")              // 1: old
	age(t, s, -year, runner.Succeeded, "output")                // 2
	_, late := age(t, s, 100*day, runner.Running, "")           // 3: ended in the future
	end(t, s, late, runner.Failed, noon.Add(year), "output")    //
	_, strange := age(t, s, -year, runner.Running, "")          // 4: began in the future
	begun := noon.Add(year)                                     //
	strange.StartedAt = &begun                                  //
	end(t, s, strange, runner.Failed, noon.Add(-day), "output") // and ended yesterday
	age(t, s, 100*day, runner.Succeeded, "output")              // 5: old
	keep := rules.Keep{Deliveries: 30 * day, Runs: 90 * day, Output: 1 << 30}
	pruneAt(t, s, noon, keep)
	deliveries, runs, _ := left(t, s)
	if want := []int64{2, 4}; !reflect.DeepEqual(deliveries, want) {
		t.Errorf("deliveries %v are left, want %v", deliveries, want)
	}
	if want := []int64{2, 3, 4}; !reflect.DeepEqual(runs, want) {
		t.Errorf("runs %v are left, want %v", runs, want)
	}
	s.pruner.now = func() time.Time { return noon.Add(2 * year) }
	if err := s.pruner.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if deliveries, runs, _ := left(t, s); len(deliveries)+len(runs) > 0 {
		t.Errorf("two years later deliveries %v and runs %v are left", deliveries, runs)
	}
}
