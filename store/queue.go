package store

import "sync"

const (
	maxRecords     = 4096     // records held in memory until the writer takes them
	maxRecordBytes = 16 << 20 // of those, as they will be written
)

// A task is one operation for the writer.
type task struct {
	do   func(*tx) error // in a transaction; may be called again in another one
	done func(error)     // called once, by the writer, when it is on disk or never will be
	size int             // bytes of memory it holds; counted for records only
	kept *share          // of records: those of its kind
}

// A queue holds what waits for the writer, in order of arrival.
//
// Tasks are waited for, so there are only as many as there are callers.
// Records have nobody waiting and would grow without bound when requests come
// quicker than the disk takes them; therefore they have a line of their own
// with a limit.
type queue struct {
	urgent chan struct{} // holds a token when somebody waits, or when closed
	lazy   chan struct{} // holds a token when something wants writing soon

	mu      sync.Mutex
	tasks   []task
	records []task
	bytes   int // of records
	closed  bool
}

func newQueue() *queue {
	return &queue{urgent: make(chan struct{}, 1), lazy: make(chan struct{}, 1)}
}

// put adds a task that somebody waits for. It reports false once closed.
func (q *queue) put(t task) bool { return q.add(t, q.urgent) }

// putLazy adds a task that goes along with others, but is not dropped.
func (q *queue) putLazy(t task) bool { return q.add(t, q.lazy) }

func (q *queue) add(t task, waker chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.tasks = append(q.tasks, t)
	wake(waker)
	return true
}

// offer adds a record if there is room for it.
func (q *queue) offer(t task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.hasRoom(t.size) {
		return false
	}
	q.records = append(q.records, t)
	q.bytes += t.size
	wake(q.lazy)
	return true
}

// follow adds a task behind everything that was offered so far.
func (q *queue) follow(t task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if len(q.records) == 0 {
		q.tasks = append(q.tasks, t)
		wake(q.urgent)
	} else {
		q.records = append(q.records, t)
		wake(q.lazy)
	}
	return true
}

// full tells whether offer would refuse even the smallest record.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.hasRoom(0)
}

func (q *queue) hasRoom(size int) bool {
	return !q.closed && len(q.records) < maxRecords && q.bytes+size <= maxRecordBytes
}

// len is how many tasks there are, records apart.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.tasks)
}

// take removes all tasks and up to n records.
func (q *queue) take(n int) (tasks, records []task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	tasks, q.tasks = q.tasks, nil
	n = min(n, len(q.records))
	records, q.records = q.records[:n:n], q.records[n:]
	for _, r := range records {
		q.bytes -= r.size
	}
	if len(q.records) > 0 {
		wake(q.lazy)
	}
	return tasks, records
}

// close lets nothing more in and wakes the writer.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	wake(q.urgent)
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// wake leaves a token unless one is there already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
