package main

import (
	"context"
	"math"
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
	refused       float64 // %, with 503 where there is too much to do
}

// only is a measurement of one value.
func only(value float64) measurement {
	none := math.NaN()
	return measurement{value, none, none, none, none, none, none, none}
}

const (
	nothingFires = "nothing fires"
	storedHeld   = "fires and is stored; the run is held"
	runsTrue     = "fires /bin/true, until all have ended"
	idleMemory   = "memory when idle"
	firstAnswer  = "start to first answer"
	newestRuns   = "list the newest 50 runs of 1,000"
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
	{letter: "k", title: newestRuns, unit: "ms", lower: true, ours: true, measure: listing(shortHistory)},
	{letter: "k", title: "list the newest 50 runs of a million", unit: "ms", lower: true, ours: true, beside: newestRuns, measure: listing(longHistory)},
	{letter: "k", title: "fires and is stored; a million runs", unit: "req/s", ours: true, against: nothingFires, beside: storedHeld, measure: storedWithHistory},
	{letter: "l", title: "nothing fires, 1,000 connections", unit: "req/s", against: nothingFires, beside: nothingFires, measure: crowd(one, ignored, 1_000)},
	{letter: "l", title: "nothing fires, 4,000 connections", unit: "req/s", against: nothingFires, beside: nothingFires, measure: crowd(one, ignored, 4_000)},
	{letter: "l", title: "nothing fires, twice as many as it can take", unit: "req/s", against: nothingFires, beside: nothingFires, measure: twice(one, ignored)},
	{letter: "l", title: "fires and is stored, 4,000 connections", unit: "req/s", against: nothingFires, beside: storedHeld, measure: crowd(held, fired, 4_000)},
	{letter: "l", title: "fires and is stored, twice as many as it can take", unit: "req/s", against: nothingFires, beside: storedHeld, measure: twice(held, fired)},
	{letter: "m", title: "memory of each of 10,000 idle connections", unit: "KB", lower: true, measure: idleConnections},
	{letter: "m", title: "nothing fires, beside 10,000 idle connections", unit: "req/s", against: nothingFires, beside: nothingFires, measure: besideIdle},
}
