package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// senders is how many connections there are, unless a case says otherwise.
const senders = 32

// A benchCase is one row of the table for each server.
type benchCase struct {
	letter, title string
	unit          string // of the value
	lower         bool   // a lower value is a better one
	ours          bool   // nobody else can be asked
	against       string // title of the row that others are compared by if they have none in this case
	beside        string // title of the row of its own that each is compared with
	measure       func(context.Context, *lab, system) (measurement, error)
}

// A measurement is what came of a case once. NaN stands for what was not measured.
type measurement struct {
	value         float64
	p50, p99      float64 // of the answers, ms
	own, children float64 // CPU for each request, µs
	peak          float64 // memory, MB
	errors        float64
}

// only is a measurement of one value.
func only(value float64) measurement {
	none := math.NaN()
	return measurement{value, none, none, none, none, none, none}
}

const (
	nothingFires = "nothing fires"
	storedHeld   = "fires and is stored; the run is held"
	runsTrue     = "fires /bin/true, until all have ended"
	idleMemory   = "memory when idle"
	firstAnswer  = "start to first answer"
	newestRuns   = "list the newest 50 runs"
)

var (
	one     = workload{hooks: 1}
	held    = workload{hooks: 1, command: []string{"/bin/true"}, held: true}
	runTrue = workload{hooks: 1, command: []string{"/bin/true"}, output: true}
	sleepy  = workload{hooks: 1, command: []string{"/bin/sleep", "0.2"}}
)

var cases = []benchCase{
	{letter: "a", title: nothingFires, unit: "req/s", measure: pushes(one, load{kind: ignored})},
	{letter: "b", title: "bad signature", unit: "req/s", measure: pushes(one, load{kind: rejected})},
	{letter: "c", title: storedHeld, unit: "req/s", against: nothingFires, measure: pushes(held, load{kind: fired})},
	{letter: "d", title: runsTrue, unit: "runs/s", measure: untilAllEnded},
	{letter: "e", title: "nothing fires, 1,000 hooks", unit: "req/s", against: nothingFires, beside: nothingFires,
		measure: pushes(workload{hooks: 1_000}, load{kind: ignored})},
	{letter: "e", title: "nothing fires, 10,000 hooks", unit: "req/s", against: nothingFires, beside: nothingFires,
		measure: pushes(workload{hooks: 10_000}, load{kind: ignored})},
	{letter: "f", title: "2,000 events for a script of 0.2 s: all accepted", unit: "ms", lower: true, measure: burst},
	{letter: "g", title: "body of 25 MB, 4 senders", unit: "req/s", measure: largeBodies},
	{letter: "h", title: "nothing fires, new connections", unit: "req/s", beside: nothingFires, measure: pushes(one, load{kind: ignored, fresh: true})},
	{letter: "i", title: idleMemory, unit: "MB", lower: true, measure: idle(1)},
	{letter: "i", title: "memory when idle, 10,000 hooks", unit: "MB", lower: true, against: idleMemory, beside: idleMemory, measure: idle(10_000)},
	{letter: "i", title: firstAnswer, unit: "ms", lower: true, measure: start(1)},
	{letter: "i", title: "start to first answer, 10,000 hooks", unit: "ms", lower: true, against: firstAnswer, beside: firstAnswer, measure: start(10_000)},
	{letter: "i", title: "binary", unit: "MB", lower: true, measure: binarySize},
	{letter: "j", title: "one at a time: request to script's first line, p50", unit: "ms", lower: true, measure: scriptStart},
	{letter: "k", title: "start to first answer, a million runs", unit: "ms", lower: true, ours: true, beside: firstAnswer, measure: startWithHistory},
	{letter: "k", title: newestRuns, unit: "ms", lower: true, ours: true, measure: listing(false)},
	{letter: "k", title: "list the newest 50 runs of a million", unit: "ms", lower: true, ours: true, beside: newestRuns, measure: listing(true)},
	{letter: "k", title: "fires and is stored; a million runs", unit: "req/s", ours: true, against: nothingFires, beside: storedHeld, measure: storedWithHistory},
}

// pushes is a load of GitHub pushes for the time of a measurement.
func pushes(w workload, l load) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (measurement, error) { return lab.pushes(ctx, s, w, l) }
}

// pushes starts a server, and sends what of the load is not said as usual.
func (lab *lab) pushes(ctx context.Context, s system, w workload, l load) (m measurement, err error) {
	p, err := lab.start(ctx, s, w)
	if err != nil {
		return m, err
	}
	defer p.stop()
	if err := p.settle(); err != nil {
		return m, err
	}
	l.server, l.body, l.senders, l.time = p, lab.push, senders, lab.time/10
	if _, err := l.run(ctx); err != nil { // it is warm when it is measured
		return m, err
	}
	l.time = lab.time
	m, result, err := lab.load(ctx, l)
	if err == nil {
		m.value = float64(result.answered) / result.took.Seconds()
	}
	return m, err
}

// load sends it and measures the server. The value is left to the caller.
func (lab *lab) load(ctx context.Context, l load) (m measurement, result *loaded, err error) {
	return lab.loadAnd(ctx, l, func() error { return nil })
}

// loadAnd is load with something that belongs to it and has to end, too.
func (lab *lab) loadAnd(ctx context.Context, l load, end func() error) (m measurement, result *loaded, err error) {
	defer lab.profile(l.server)()
	before, err := l.server.usage()
	if err != nil {
		return m, nil, err
	}
	if result, err = l.run(ctx); err != nil {
		return m, nil, err
	}
	if err := end(); err != nil {
		return m, nil, err
	}
	after, err := l.server.usage()
	if err != nil {
		return m, nil, err
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(result.answered) }
	if result.errors > 0 {
		lab.note("(%s) %d errors, such as: %s", l.server.system.name(), result.errors, result.example)
	}
	return measurement{
		p50: quantile(result.latency, .5), p99: quantile(result.latency, .99), errors: float64(result.errors),
		own: each(after.own - before.own), children: each(after.children - before.children), peak: megabytes(after.peak),
	}, result, nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// untilAllEnded is a thousand runs for each second of the time.
func untilAllEnded(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	p, err := lab.start(ctx, s, runTrue)
	if err != nil {
		return m, err
	}
	defer p.stop()
	began := time.Now()
	l := load{server: p, kind: fired, body: lab.push, senders: senders, time: time.Minute, count: max(senders, int(1000*lab.time.Seconds()))}
	m, result, err := lab.loadAnd(ctx, l, func() error { return p.drained(ctx) })
	if err == nil {
		m.value = float64(result.answered) / time.Since(began).Seconds()
	}
	return m, err
}

func burst(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	p, err := lab.start(ctx, s, sleepy)
	if err != nil {
		return m, err
	}
	defer p.stop()
	m, result, err := lab.load(ctx, load{server: p, kind: fired, body: lab.push, senders: senders, time: time.Minute, count: 2000})
	if err == nil {
		m.value = result.took.Seconds() * 1000
		m.children = math.NaN() // most have not ended
	}
	return m, err
}

// largeBodies are pushes with a long text in them.
func largeBodies(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	p, err := lab.start(ctx, s, one)
	if err != nil {
		return m, err
	}
	defer p.stop()
	body := append([]byte(`{"padding":"`), make([]byte, 25_000_000-len(lab.push)-14)...)
	for i := range body[12:] {
		body[12+i] = 'a' + byte(i%26)
	}
	body = append(append(body, '"', ','), lab.push[1:]...)
	m, result, err := lab.load(ctx, load{server: p, kind: ignored, body: body, senders: 4, time: lab.time})
	if err == nil {
		m.value = float64(result.answered) / result.took.Seconds()
	}
	return m, err
}

// idle is the memory once a server does nothing.
func idle(hooks int) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (m measurement, err error) {
		p, err := lab.start(ctx, s, workload{hooks: hooks})
		if err != nil {
			return m, err
		}
		defer p.stop()
		if err := p.settle(); err != nil {
			return m, err
		}
		u, err := p.usage()
		m = only(megabytes(u.memory))
		m.peak = megabytes(u.peak)
		return m, err
	}
}

func start(hooks int) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (measurement, error) {
		return lab.starting(ctx, s, workload{hooks: hooks})
	}
}

func (lab *lab) starting(ctx context.Context, s system, w workload) (measurement, error) {
	p, err := lab.start(ctx, s, w)
	if err != nil {
		return measurement{}, err
	}
	defer p.stop()
	return only(p.started.Seconds() * 1000), nil
}

func binarySize(_ context.Context, _ *lab, s system) (measurement, error) {
	info, err := os.Stat(s.binary())
	if err != nil {
		return measurement{}, err
	}
	return only(megabytes(info.Size())), nil
}

// listing is how long the command line waits for its first page.
func listing(history bool) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (m measurement, err error) {
		w := workload{hooks: 1}
		if history {
			if w.state, err = lab.history(ctx, s); err != nil {
				return m, err
			}
		}
		p, err := lab.start(ctx, s, w)
		if err != nil {
			return m, err
		}
		defer p.stop()
		var took []float64
		for began := time.Now(); time.Since(began) < lab.time/3; {
			begun := time.Now()
			var runs []any
			if err := p.get(ctx, "/api/runs?limit=50", &runs); err != nil {
				return m, err
			}
			if history != (len(runs) == 50) {
				return m, fmt.Errorf("%d runs are listed", len(runs))
			}
			took = append(took, time.Since(begun).Seconds()*1000)
		}
		slices.Sort(took)
		m = only(quantile(took, .5))
		m.p50, m.p99 = m.value, quantile(took, .99)
		return m, nil
	}
}

func startWithHistory(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	w := workload{hooks: 1}
	if w.state, err = lab.history(ctx, s); err != nil {
		return m, err
	}
	return lab.starting(ctx, s, w)
}

// storedWithHistory leaves the history as it is: what is held stays on disk.
func storedWithHistory(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	past, err := lab.history(ctx, s)
	if err != nil {
		return m, err
	}
	w := held
	w.state = filepath.Join(lab.dir, "copy")
	defer os.RemoveAll(w.state)
	if err := os.CopyFS(w.state, os.DirFS(past)); err != nil {
		return m, fmt.Errorf("copy the history: %w", err)
	}
	return lab.pushes(ctx, s, w, load{kind: fired})
}
