package runner

import (
	"sync"
	"time"
)

const (
	maxTail    = 256 << 10             // of an attempt that printed too much, so many bytes of the end are kept
	maxSegment = 32 << 10              // so much is read at once, and joined at most
	segmentFee = 16                    // what a segment counts beyond its bytes, because telling its time and stream takes room, too
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
	pending int       // size of head, with its fees
	room    int64     // what head may still take over the attempt's life
	tail    []Segment // the end of the output, once head has no room
	inTail  int       // size of tail, with its fees
	maxTail int
	omitted int64
	gapAt   time.Time // of the first byte left out
	maskers map[Stream]*masker

	ready chan struct{} // holds a token when there is enough to store at once
	more  chan struct{} // holds a token when there is something to store
}

func newRecorder(limit int64) *recorder {
	tail := min(limit/4, maxTail)
	return &recorder{
		room: limit - tail, maxTail: int(tail),
		maskers: map[Stream]*masker{Stdout: {}, Stderr: {}},
		ready:   make(chan struct{}, 1), more: make(chan struct{}, 1),
	}
}

// hide sets what is masked of what is written from now on.
func (r *recorder) hide(m *Mask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.maskers {
		k.mask = m
	}
}

// write takes a piece of output. The bytes are copied.
func (r *recorder) write(stream Stream, p []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(stream, r.maskers[stream].write(p, at), at)
}

// keep takes what may be shown.
func (r *recorder) keep(stream Stream, p []byte, at time.Time) {
	fits := len(p)
	if r.room < int64(fits+segmentFee) {
		fits = max(int(r.room)-segmentFee, 0)
	}
	if fits > 0 {
		r.begin(Segment{Time: at, Stream: stream, Data: p[:fits]})
	}
	if rest := p[fits:]; len(rest) > 0 {
		r.room = 0 // for good: what follows comes after this
		var size int
		r.tail, size = join(r.tail, Segment{Time: at, Stream: stream, Data: rest})
		r.inTail += size
		r.trim()
	}
}

// begin adds to the head.
func (r *recorder) begin(s Segment) {
	var size int
	r.head, size = join(r.head, s)
	r.room -= int64(size)
	r.pending += size
	wake(r.more)
	if r.pending >= flushSize {
		wake(r.ready)
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
			r.inTail -= segmentFee
			r.tail[0] = Segment{}
			r.tail = r.tail[1:]
		}
	}
}

// join adds a copy of s to the list, to its last segment if that is the same
// stream a moment ago, and tells by how much the list has grown.
func join(list []Segment, s Segment) ([]Segment, int) {
	if n := len(list); n > 0 {
		last := &list[n-1]
		if last.Stream == s.Stream && len(last.Data)+len(s.Data) <= maxSegment && s.Time.Sub(last.Time) < joinWithin {
			last.Data = append(last.Data, s.Data...)
			return list, len(s.Data)
		}
	}
	s.Data = append([]byte(nil), s.Data...)
	return append(list, s), len(s.Data) + segmentFee
}

// take returns what is to be stored next, encoded, nil for nothing. At the end
// of the attempt the tail comes with it.
func (r *recorder) take(end bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end {
		for _, stream := range []Stream{Stdout, Stderr} {
			k := r.maskers[stream]
			r.keep(stream, k.flush(), k.last)
		}
	}
	segments, size := r.head, r.pending
	r.head, r.pending = nil, 0
	if end {
		if r.omitted > 0 {
			segments = append(segments, Segment{Time: r.gapAt, Stream: Gap, Omitted: r.omitted})
		}
		segments = append(segments, r.tail...)
		size += r.inTail + segmentFee
		r.tail, r.inTail, r.omitted = nil, 0, 0
	}
	if len(segments) == 0 {
		return nil
	}
	data := make([]byte, 0, size)
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
