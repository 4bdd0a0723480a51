package main

import (
	"context"
	"math"
	"os"
	"time"
)

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
		refused: math.NaN(), p50: quantile(result.latency, .5), p99: quantile(result.latency, .99), errors: float64(result.errors),
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
