package runner

import (
	"sync"
	"time"
)

const (
	maxTail    = 256 << 10             // of an attempt that printed too much, so many bytes of the end are kept
	maxSegment = 32 << 10              // longer pieces are cut
	joinWithin = 5 * time.Millisecond  // pieces of a stream that follow so soon are one
	flushAfter = 50 * time.Millisecond // output waits so long for more before it is stored
	flushSize  = 64 << 10              // or until there is so much
)

// A recorder takes what an attempt prints and never makes it wait: what the
// store has not taken yet is held in memory, and that is bounded. Up to the
// limit everything is kept; beyond it the first part and the last, with a gap
// in between.
type recorder struct {
	mu      sync.Mutex
	head    []Segment // not yet stored
	pending int       // bytes in head
	room    int64     // bytes that head may still take over the attempt's life
	tail    []Segment // the end of the output, once head has no room
	inTail  int
	maxTail int
	omitted int64
	gapAt   time.Time // of the first byte left out

	ready chan struct{} // holds a token when there is enough to store at once
	more  chan struct{} // holds a token when there is something to store
}

func newRecorder(limit int64) *recorder {
	tail := min(limit/4, maxTail)
	return &recorder{
		room: limit - tail, maxTail: int(tail),
		ready: make(chan struct{}, 1), more: make(chan struct{}, 1),
	}
}

// write takes a piece of output. The bytes are copied.
func (r *recorder) write(stream Stream, p []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fits := int(min(int64(len(p)), r.room))
	if fits > 0 {
		r.head = join(r.head, Segment{Time: at, Stream: stream, Data: p[:fits]})
		r.room -= int64(fits)
		r.pending += fits
		wake(r.more)
		if r.pending >= flushSize {
			wake(r.ready)
		}
	}
	if rest := p[fits:]; len(rest) > 0 {
		r.tail = join(r.tail, Segment{Time: at, Stream: stream, Data: rest})
		r.inTail += len(rest)
		r.trim()
	}
}

// trim drops from the front of the tail what is too much.
func (r *recorder) trim() {
	for excess := r.inTail - r.maxTail; excess > 0; excess = r.inTail - r.maxTail {
		first := &r.tail[0]
		n := min(excess, len(first.Data))
		if r.omitted == 0 {
			r.gapAt = first.Time
		}
		first.Data = first.Data[n:]
		r.inTail -= n
		r.omitted += int64(n)
		if len(first.Data) == 0 {
			r.tail[0] = Segment{}
			r.tail = r.tail[1:]
		}
	}
}

// join adds a copy of s to the list, to its last segment if that is the same
// stream a moment ago.
func join(list []Segment, s Segment) []Segment {
	if n := len(list); n > 0 {
		last := &list[n-1]
		if last.Stream == s.Stream && len(last.Data)+len(s.Data) <= maxSegment && s.Time.Sub(last.Time) < joinWithin {
			last.Data = append(last.Data, s.Data...)
			return list
		}
	}
	s.Data = append([]byte(nil), s.Data...)
	return append(list, s)
}

// take returns what is to be stored next, encoded, nil for nothing. At the end
// of the attempt the tail comes with it.
func (r *recorder) take(end bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	segments := r.head
	r.head, r.pending = nil, 0
	if end {
		if r.omitted > 0 {
			segments = append(segments, Segment{Time: r.gapAt, Stream: Gap, Omitted: r.omitted})
		}
		segments = append(segments, r.tail...)
		r.tail, r.inTail, r.omitted = nil, 0, 0
	}
	var data []byte
	for _, s := range segments {
		data = appendSegment(data, s)
	}
	return data
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
