package runner

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// Threats 27 and 29: what exceeds the limit waits, in order, and nothing is
// dropped.
func TestManyRunsAtOnceRunInOrderAndFewAtATime(t *testing.T) {
	h := open(t, 4)
	var runs []*Run
	for range 100 {
		runs = append(runs, h.store.add(sh("sleep 0.02")))
	}
	h.runner.Enqueue(runs...)
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == 100 })
	if h.store.peak != 4 {
		t.Errorf("%d at once", h.store.peak)
	}
	// Four that begin together may be written in any order.
	for i, id := range h.store.starts {
		if diff := int(id) - 1 - i; diff < -4 || diff > 4 {
			t.Errorf("run %d was start %d", id, i+1)
		}
	}
}

func TestOneAtATimeKeepsTheExactOrder(t *testing.T) {
	h := open(t, 1)
	var runs []*Run
	for range 40 {
		runs = append(runs, h.store.add(sh("true")))
	}
	h.runner.Enqueue(runs...)
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == 40 })
	if !slices.IsSorted(h.store.starts) || h.store.peak != 1 {
		t.Errorf("%d at once, order %v", h.store.peak, h.store.starts)
	}
}

func TestSetMaxRunning(t *testing.T) {
	h, gate := open(t, 0), newGate(t)
	for range 5 {
		h.start(sh(gate.wait()))
	}
	if running, queued := h.runner.Load(); running != 0 || queued != 5 {
		t.Errorf("%d run, %d are queued", running, queued)
	}
	h.runner.SetMaxRunning(3)
	h.store.await("three running", func() bool { return h.store.count(Running) == 3 })
	h.runner.SetMaxRunning(1)
	gate.open(2)
	h.store.await("two ended", func() bool { return h.store.count(Succeeded) == 2 })
	if running, queued := h.runner.Load(); running > 3 || queued != 2 {
		t.Errorf("%d run, %d are queued", running, queued)
	}
	gate.open(3)
	h.store.await("all ended", func() bool { return h.store.count(Succeeded) == 5 })
}

// Threat 29: a queued run is a number, not a process, a file or a goroutine.
func TestALongQueueIsCheap(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	var reads sync.Map
	h.store.before = func(_ context.Context, op string, id int64) error {
		if op == "run" {
			reads.Store(id, true)
		}
		return nil
	}
	h.start(sh(gate.wait()))
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	const n = 50_000
	for i := range n {
		c := list("/bin/true")
		c.Env = []rules.EnvVar{{Name: "V", Value: rules.Plain(string(make([]byte, 1000)))}}
		h.runner.Enqueue(&Run{ID: int64(i + 2), State: Queued, Command: c})
	}
	if grown := int64(memory()) - int64(before); grown > 4<<20 {
		t.Errorf("%d bytes a queued run", grown/n)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 20 {
		t.Errorf("%d goroutines more", more)
	}
	h.runner.mu.Lock()
	loaded := len(h.runner.queue.loaded)
	h.runner.queue = queue{} // these runs are in no store
	h.runner.mu.Unlock()
	if loaded != inMemory {
		t.Errorf("%d are loaded", loaded)
	}
	gate.open(1)
	h.ended(1)
}

// 2,000 events at once: each runs, and those that did not fit are read again.
func TestTwoThousandRuns(t *testing.T) {
	h := open(t, 4)
	h.runner.SetMaxRunning(0)
	var mu sync.Mutex
	reads := map[int64]int{}
	h.store.before = func(_ context.Context, op string, id int64) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "run" {
			reads[id]++
		}
		return nil
	}
	for range 2000 {
		h.start(list("/no/such/program")) // the queue is looked at here, not processes
	}
	h.runner.SetMaxRunning(4)
	h.store.await("the end of all", func() bool { return h.store.count(Failed) == 2000 })
	mu.Lock()
	defer mu.Unlock()
	if len(reads) != 2000-inMemory || reads[inMemory] != 0 || reads[inMemory+1] != 1 {
		t.Errorf("%d runs were read", len(reads))
	}
}

func TestQueue(t *testing.T) {
	var q queue
	for id := range int64(6) {
		q.push(id+1, &Run{ID: id + 1})
	}
	if !q.remove(3) || q.remove(3) || !q.remove(6) || q.has(3) || !q.has(4) {
		t.Errorf("%v", q.ids)
	}
	q.insert(6)
	q.insert(3)
	for want := range int64(6) {
		id, run, ok := q.pop()
		if loaded := run != nil; !ok || id != want+1 || loaded == (id == 3 || id == 6) {
			t.Errorf("%d: %v %v", id, run, ok)
		}
	}
	if _, _, ok := q.pop(); ok || q.len() != 0 || len(q.loaded) != 0 {
		t.Errorf("%v", q)
	}
}

// Looking at runs that are over must leave nothing behind, and whoever looks
// before a run is handed over must see it come.
func TestChangedOfRunsThatAreNotActive(t *testing.T) {
	h := open(t, 1)
	for id := range int64(1000) {
		h.runner.Changed(id + 1)
	}
	if n := len(h.runner.hub.topic); n != 1 {
		t.Errorf("%d topics", n)
	}
	run := h.store.add(sh("true"))
	early := h.runner.Changed(run.ID)
	h.runner.Enqueue(run)
	<-early
	h.ended(run.ID)
}
