package runner

import "slices"

// inMemory is how many queued runs keep what they execute in memory. The others
// are read from the store when their turn comes, so that a long queue costs a
// number a run.
const inMemory = 1024

// queue holds the runs that wait for a place, first in, first out. The zero
// value is empty.
type queue struct {
	ids    []int64
	loaded map[int64]*Run
}

func (q *queue) len() int { return len(q.ids) }

// push adds a run at the end. The run itself may be nil, or forgotten.
func (q *queue) push(id int64, run *Run) {
	q.ids = append(q.ids, id)
	if run == nil || len(q.loaded) >= inMemory {
		return
	}
	if q.loaded == nil {
		q.loaded = map[int64]*Run{}
	}
	q.loaded[id] = run
}

// pop takes the first run; run is nil if it has to be read from the store.
func (q *queue) pop() (id int64, run *Run, ok bool) {
	if len(q.ids) == 0 {
		return 0, nil, false
	}
	id, q.ids = q.ids[0], q.ids[1:]
	run = q.loaded[id]
	delete(q.loaded, id)
	return id, run, true
}

// remove takes a run out, wherever it stands.
func (q *queue) remove(id int64) bool {
	i := slices.Index(q.ids, id)
	if i < 0 {
		return false
	}
	q.ids = slices.Delete(q.ids, i, i+1)
	delete(q.loaded, id)
	return true
}

// insert puts a run back that was removed: ids grow with time, so they tell its
// place.
func (q *queue) insert(id int64) {
	i := slices.IndexFunc(q.ids, func(other int64) bool { return other > id })
	if i < 0 {
		i = len(q.ids)
	}
	q.ids = slices.Insert(q.ids, i, id)
}

func (q *queue) has(id int64) bool { return slices.Contains(q.ids, id) }
