package server

import (
	"container/list"
	"log/slog"
	"sync"
	"time"
)

// atWork is how many requests are worked on at once. More would not be quicker: what
// they wait for are the processors, and one writer, which has a full batch then.
const atWork = 256

// inLine is how many wait until they are, and lineWithin for how long: a burst is
// taken as a whole, because many providers send an event only once; but the least
// patient ones want their answer within three seconds.
const (
	inLine     = 4096
	lineWithin = time.Second
)

// places are those in which requests are worked on. Whose body has come takes one;
// who finds none free gets into a line, and is sent away at once if its turn would
// not come in time as the line moves now. So what is let in is answered soon whatever
// comes, and the rest at once.
type places struct {
	log *slog.Logger

	mu   sync.Mutex
	free int
	line list.List // of the turns of those who wait, which are closed when they come

	moved time.Time     // when the last place was taken, or one was left after that
	pace  time.Duration // from one turn to the next; 0 if it is not known yet
	since time.Time     // of the turns that are counted for the next pace
	turns int

	refused  int64 // since the start
	nextWarn time.Time
}

func newPlaces(log *slog.Logger) *places { return &places{log: log, free: atWork} }

// full tells whether who comes now is sent away.
func (p *places) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isFull()
}

func (p *places) isFull() bool {
	return p.free == 0 && (p.line.Len() >= inLine || time.Duration(p.line.Len())*p.pace > lineWithin || time.Since(p.moved) > lineWithin)
}

// take returns when there is a place for one, and false if it is sent away.
func (p *places) take(one *place) bool {
	p.mu.Lock()
	if p.free > 0 {
		if p.free--; p.free == 0 {
			p.moved = time.Now()
		}
		p.mu.Unlock()
		return true
	}
	if p.isFull() || !one.mayWait() {
		p.mu.Unlock()
		return false
	}
	if p.line.Len() == 0 {
		p.pace, p.since, p.turns = 0, time.Now(), 0
	}
	turn := make(chan struct{})
	at := p.line.PushBack(turn)
	p.mu.Unlock()
	late := time.NewTimer(lineWithin)
	defer late.Stop()
	select {
	case <-turn:
		return true
	case <-late.C:
		return p.leftLine(at)
	}
}

// leftLine takes who has waited for too long out of the line, and tells whether the
// turn has come after all.
func (p *places) leftLine(at *list.Element) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-at.Value.(chan struct{}):
		return true
	default:
		p.line.Remove(at)
		return false
	}
}

// give hands a place on to the next in line.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.line.Front()
	if next == nil {
		p.free++
		return
	}
	p.count(time.Now())
	close(p.line.Remove(next).(chan struct{}))
}

// paceOver is over how long the pace of the line is measured: several batches of a
// slow disk, for all in a batch leave their places at once.
const paceOver = 100 * time.Millisecond

// count counts a turn that has come.
func (p *places) count(now time.Time) {
	p.moved = now
	p.turns++
	if over := now.Sub(p.since); over >= paceOver {
		p.pace, p.since, p.turns = over/time.Duration(p.turns), now, 0
	}
}
