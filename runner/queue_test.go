package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
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

func TestSetLimits(t *testing.T) {
	h, gate := open(t, 0), newGate(t)
	for range 5 {
		h.start(sh(gate.wait()))
	}
	if running, queued := h.runner.Load(); running != 0 || queued != 5 {
		t.Errorf("%d run, %d are queued", running, queued)
	}
	h.runner.SetLimits(3, 1000)
	h.store.await("three running", func() bool { return h.store.count(Running) == 3 })
	h.runner.SetLimits(1, 1000)
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
	h.runner.SetLimits(0, 1000)
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
	h.runner.SetLimits(4, 1000)
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
		q.push(Place{ID: id + 1, Hook: "/a"}, &Run{ID: id + 1})
	}
	three, found := q.remove(3)
	if _, again := q.remove(3); !found || again || three.ID != 3 || three.Hook != "/a" || q.has(3) || !q.has(4) || q.len() != 5 {
		t.Errorf("%+v", q)
	}
	six, _ := q.remove(6)
	q.push(six, nil)
	q.push(three, nil)
	for want := range int64(6) {
		p, run, _, ok := q.pop(Processes)
		id := p.ID
		if loaded := run != nil; !ok || id != want+1 || loaded == (id == 3 || id == 6) {
			t.Errorf("%d: %v %v", id, run, ok)
		}
	}
	if _, _, _, ok := q.pop(Processes); ok || q.len() != 0 || len(q.loaded) != 0 {
		t.Errorf("%+v", q)
	}
}

// Between the lines it goes round; within one, by id; a line at its limit is
// passed over and does not hold the others up.
func TestQueueIsFair(t *testing.T) {
	var q queue
	for id := range int64(5) {
		q.push(Place{ID: id + 1, Hook: "/busy"}, nil)
	}
	for id := range int64(3) {
		q.push(Place{ID: id + 11, Group: "terraform", Limit: 1}, nil)
	}
	q.push(Place{ID: 21, Hook: "/calm"}, nil)

	var order []int64
	var inGroup []*line
	for {
		p, _, l, ok := q.pop(Processes)
		id := p.ID
		if !ok {
			break
		}
		order = append(order, id)
		if l.place.Group != "" {
			inGroup = append(inGroup, l)
		}
	}
	if want := []int64{1, 11, 21, 2, 3, 4, 5}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	for _, want := range []int64{12, 13} {
		q.leave(inGroup[0])
		if p, _, _, ok := q.pop(Processes); !ok || p.ID != want {
			t.Errorf("%d, %v; want %d", p.ID, ok, want)
		}
		if p, _, _, ok := q.pop(Processes); ok {
			t.Errorf("%d runs beside %d", p.ID, want)
		}
	}
	q.leave(inGroup[0])
	if len(q.round) != 0 || q.lines["terraform"] != nil {
		t.Errorf("what is over is not forgotten: %+v", q)
	}
}

// A queue of random moves is compared with the plainest there is.
func TestQueueAgainstModel(t *testing.T) {
	type waiting struct {
		Place
		name string
	}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var q queue
		var model []waiting // by id
		running := map[string]int{}
		var taken []*line
		nextID := int64(0)
		for range 300 {
			switch rnd.IntN(4) {
			case 0, 1:
				nextID++
				p := Place{ID: nextID, Hook: fmt.Sprint("/", rnd.IntN(3))}
				if rnd.IntN(2) == 0 {
					p.Group, p.Limit = fmt.Sprint("g", rnd.IntN(3)), 2
				}
				q.push(p, nil)
				model = append(model, waiting{p, p.line()})
			case 2:
				p, _, l, ok := q.pop(Processes)
				id := p.ID
				free := slices.IndexFunc(model, func(w waiting) bool { return w.Limit == 0 || running[w.name] < w.Limit })
				if ok != (free >= 0) {
					t.Fatalf("seed %d: popped %v, but %d may run", seed, ok, free)
				}
				if !ok {
					continue
				}
				i := slices.IndexFunc(model, func(w waiting) bool { return w.ID == id })
				first := slices.IndexFunc(model, func(w waiting) bool { return w.name == model[i].name })
				if i != first || l.place.Limit > 0 && running[model[i].name] >= l.place.Limit {
					t.Fatalf("seed %d: %d is not first of its line, or too many run", seed, id)
				}
				running[model[i].name]++
				taken = append(taken, l)
				model = slices.Delete(model, i, i+1)
			case 3:
				if len(taken) > 0 && rnd.IntN(2) == 0 {
					i := rnd.IntN(len(taken))
					running[taken[i].place.line()]--
					q.leave(taken[i])
					taken = slices.Delete(taken, i, i+1)
				} else if len(model) > 0 {
					i := rnd.IntN(len(model))
					if p, found := q.remove(model[i].ID); !found || p.line() != model[i].name {
						t.Fatalf("seed %d: %+v, %v", seed, p, found)
					}
					model = slices.Delete(model, i, i+1)
				}
			}
			if q.len() != len(model) {
				t.Fatalf("seed %d: %d wait, not %d", seed, q.len(), len(model))
			}
		}
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
