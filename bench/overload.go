package main

import (
	"context"
	"fmt"
)

// crowd is a load of many more senders than there are processors, all of which
// send their next request as soon as they have an answer, and be it a 503.
func crowd(w workload, k kind, senders int) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (measurement, error) {
		return lab.overload(ctx, s, w, k, func(l *load, _ float64) { l.senders = senders })
	}
}

// patient is how many senders there are for what is sent at a rate.
const patient = 4_000

// twice is a load that does not go by the answers: twice the rate at which the
// server has just answered the usual senders.
func twice(w workload, k kind) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (measurement, error) {
		return lab.overload(ctx, s, w, k, func(l *load, answered float64) { l.senders, l.rate = patient, 2*answered })
	}
}

// overload sends a usual load, and then what the server may refuse.
func (lab *lab) overload(ctx context.Context, s system, w workload, k kind, more func(l *load, answered float64)) (m measurement, err error) {
	p, err := lab.start(ctx, s, w)
	if err != nil {
		return m, err
	}
	defer p.stop()
	if err := p.settle(); err != nil {
		return m, err
	}
	l := load{server: p, kind: k, body: lab.push, senders: senders, time: lab.time / 3}
	usual, err := l.run(ctx)
	if err != nil {
		return m, err
	}
	l.time, l.refused = lab.time, true
	more(&l, float64(usual.answered)/usual.took.Seconds())
	m, result, err := lab.load(ctx, l)
	if err == nil {
		m.value = float64(result.inTime) / lab.time.Seconds() // the last answers of a crowd take their time
		m.refused = 100 * float64(result.refused) / float64(result.refused+result.answered)
	}
	return m, err
}

// idlers is how many connections do nothing.
const idlers = 10_000

// withIdle starts a server that has been under load for a moment, and leaves many
// connections at it that have had an answer and ask for nothing more. It
// returns what each takes of the server's memory, in KB.
func (lab *lab) withIdle(ctx context.Context, s system) (p *process, memory float64, leave func(), err error) {
	if p, err = lab.start(ctx, s, one); err != nil {
		return nil, 0, nil, err
	}
	var crowd []*sender
	leave = func() {
		for _, sender := range crowd {
			sender.close()
		}
		p.stop()
	}
	defer func() {
		if err != nil {
			leave()
		}
	}()
	l := load{server: p, kind: ignored, body: lab.push, senders: senders, time: lab.time / 3}
	if _, err := l.run(ctx); err != nil {
		return nil, 0, nil, err
	}
	before, err := lab.quietMemory(p)
	if err != nil {
		return nil, 0, nil, err
	}
	l.kind = rejected
	for range idlers {
		crowd = append(crowd, l.sender())
	}
	if err := each(crowd, (*sender).send); err != nil {
		return nil, 0, nil, fmt.Errorf("%d connections, which take so many descriptors on both sides: %w", idlers, err)
	}
	after, err := lab.quietMemory(p)
	return p, float64(after-before) / idlers / 1024, leave, err
}

// quietMemory is what the server has in memory once it does nothing any more.
func (lab *lab) quietMemory(p *process) (int64, error) {
	if err := p.settle(); err != nil {
		return 0, err
	}
	u, err := p.usage()
	return u.memory, err
}

func idleConnections(ctx context.Context, lab *lab, s system) (measurement, error) {
	_, memory, leave, err := lab.withIdle(ctx, s)
	if err != nil {
		return measurement{}, err
	}
	defer leave()
	return only(memory), nil
}

func besideIdle(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	p, _, leave, err := lab.withIdle(ctx, s)
	if err != nil {
		return m, err
	}
	defer leave()
	m, result, err := lab.load(ctx, load{server: p, kind: ignored, body: lab.push, senders: senders, time: lab.time})
	if err == nil {
		m.value = float64(result.answered) / result.took.Seconds()
	}
	return m, err
}
