package runner

import (
	"bytes"
	"cmp"
	"slices"
	"time"
	"unique"
)

// What queued runs execute is kept in memory within these bounds. The rest is read
// from the store when its turn comes, so that a long queue costs a number a run.
const (
	inMemory   = 1024     // runs
	bodyAtHand = 64 << 10 // bytes of a body
	allAtHand  = 8 << 20  // of all bodies
)

// queue holds the runs that wait for a place. Each group has a line of its own,
// and so has each hook for its runs without a group. Within a line, first come,
// first served; between the lines it goes round, so that a busy one does not
// starve the others. The zero value is empty.
type queue struct {
	lines  map[string]*line
	round  []*line // those in which somebody waits
	turn   int     // in round
	size   int
	in     [lanes]int // of those that wait, by their lane
	loaded map[int64]*Run
	bodies int // bytes of their bodies
}

// A line is a group, or a hook for its runs without a group.
type line struct {
	place   Place // of its newest run: the name and the limit
	running int
	waiting []waitingRun // ids rise: they grow with time
	rests   bool         // nobody of it begins before a time
}

// A waitingRun is one that waits in a line. A group's line may hold those of
// several hooks.
type waitingRun struct {
	id    int64
	hook  unique.Handle[string] // there may be many of one hook
	lane  Lane
	tells bool
}

// find returns where a run waits in the line.
func (l *line) find(id int64) (int, bool) {
	return slices.BinarySearchFunc(l.waiting, id, func(w waitingRun, id int64) int { return cmp.Compare(w.id, id) })
}

// placeAt is the place of the run at index i.
func (l *line) placeAt(i int) Place {
	p := l.place
	w := l.waiting[i]
	p.ID, p.Hook, p.Lane, p.Tells = w.id, w.hook.Value(), w.lane, w.tells
	p.NotBefore, p.Held = time.Time{}, false
	return p
}

func (q *queue) len() int { return q.size }

// push adds a run to its line, at the place that its id gives it: mostly the
// end. The run itself may be nil, or forgotten.
func (q *queue) push(p Place, run *Run) {
	l := q.line(p)
	i := len(l.waiting)
	for i > 0 && l.waiting[i-1].id > p.ID {
		i--
	}
	l.waiting = slices.Insert(l.waiting, i, waitingRun{p.ID, unique.Make(p.Hook), p.Lane, p.Tells})
	q.size++
	q.in[p.Lane]++
	if len(l.waiting) == 1 {
		q.round = append(q.round, l)
	}
	if run != nil && len(q.loaded) < inMemory {
		q.load(run)
	}
}

// load keeps a run in memory, with its body if that is small and there is room.
func (q *queue) load(run *Run) {
	if q.bodies+len(run.Body) > allAtHand {
		run.Body = nil
	}
	run.Body = atHand(run.Body)
	if q.loaded == nil {
		q.loaded = map[int64]*Run{}
	}
	q.loaded[run.ID] = run
	q.bodies += len(run.Body)
}

// atHand is a copy of a body that is small enough to be kept.
func atHand(body []byte) []byte {
	if len(body) > bodyAtHand {
		return nil
	}
	return bytes.Clone(body)
}

// unload returns the run if it is in memory, where it is not kept any longer.
func (q *queue) unload(id int64) *Run {
	run := q.loaded[id]
	if run != nil {
		delete(q.loaded, id)
		q.bodies -= len(run.Body)
	}
	return run
}

func (q *queue) line(p Place) *line {
	l := q.lines[p.line()]
	if l == nil {
		l = &line{}
		if q.lines == nil {
			q.lines = map[string]*line{}
		}
		q.lines[p.line()] = l
	}
	if p.ID >= l.place.ID { // an older one that comes again knows older limits
		l.place = p
	}
	return l
}

// enter takes a place in a line in which nobody waits, if it is free. Whoever gets
// it has to call leave.
func (q *queue) enter(p Place) (l *line, free bool) {
	l = q.line(p)
	if len(l.waiting) > 0 || l.isClosed() {
		q.forget(l)
		return nil, false
	}
	l.running++
	return l, true
}

// isClosed tells that nobody of the line may begin now.
func (l *line) isClosed() bool {
	return l.rests || l.place.Limit > 0 && l.running >= l.place.Limit
}

// pop takes the first run of the next line whose turn it is and that wants a place
// in this lane; run is nil if it has to be read from the store. Whoever takes it has
// to call leave.
func (q *queue) pop(lane Lane) (p Place, run *Run, l *line, ok bool) {
	if q.in[lane] == 0 {
		return p, nil, nil, false
	}
	for range q.round {
		q.turn %= len(q.round)
		l := q.round[q.turn]
		if l.waiting[0].lane != lane || l.isClosed() {
			q.turn++
			continue
		}
		p = l.placeAt(0)
		l.running++
		q.take(l, 0)
		if len(l.waiting) > 0 {
			q.turn++ // otherwise the next line has moved to this place
		}
		return p, q.unload(p.ID), l, true
	}
	return p, nil, nil, false
}

// leave says that a run that was taken has ended.
func (q *queue) leave(l *line) {
	l.running--
	q.forget(l)
}

// take removes the run at index i of a line.
func (q *queue) take(l *line, i int) {
	q.in[l.waiting[i].lane]--
	if i == 0 {
		l.waiting = l.waiting[1:]
	} else {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	q.size--
	if len(l.waiting) == 0 {
		at := slices.Index(q.round, l)
		q.round = slices.Delete(q.round, at, at+1)
		if at < q.turn {
			q.turn--
		}
		l.waiting = nil
		q.forget(l)
	}
}

func (q *queue) forget(l *line) {
	if len(l.waiting) == 0 && l.running == 0 {
		delete(q.lines, l.place.line())
	}
}

// remove takes a run out, wherever it stands, and returns its place.
func (q *queue) remove(id int64) (p Place, found bool) {
	for _, l := range q.round {
		if i, found := l.find(id); found {
			p = l.placeAt(i)
			q.take(l, i)
			q.unload(id)
			return p, true
		}
	}
	return p, false
}

// ofHooks lists the places of those runs whose hook is one of these.
func (q *queue) ofHooks(hooks map[string]bool) (places []Place) {
	for _, l := range q.round {
		for i, w := range l.waiting {
			if hooks[w.hook.Value()] {
				places = append(places, l.placeAt(i))
			}
		}
	}
	return places
}

func (q *queue) has(id int64) bool {
	for _, l := range q.round {
		if _, found := l.find(id); found {
			return true
		}
	}
	return false
}
