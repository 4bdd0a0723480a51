package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hooktender/hooktender/rules"
)

// An unreadError is why a body was not read to its end.
type unreadError struct {
	status int
	msg    string // for the sender
	reason error  // for the operator
}

func (e *unreadError) Error() string { return e.reason.Error() }
func (e *unreadError) Unwrap() error { return e.reason }

func tooLarge(format string, args ...any) error {
	return &unreadError{http.StatusRequestEntityTooLarge, "too large", fmt.Errorf(format, args...)}
}

var errNoRoom = &unreadError{http.StatusServiceUnavailable, "too many large bodies at once",
	errors.New("too many large bodies are being read at once")}

// readBody reads the body once, up to the limit, in the room that is reserved
// for it. The error is an *unreadError.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, room *reservation) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge("the body is too large: %d bytes, %d allowed (server.max_body)", r.ContentLength, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := readSized(http.MaxBytesReader(w, r.Body, limit), r.ContentLength, limit, room)
	if err == nil {
		return body, nil
	}
	if unread, ok := errors.AsType[*unreadError](err); ok {
		return nil, unread
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge("the body is too large: more than %d bytes (server.max_body)", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &unreadError{http.StatusRequestTimeout, "the body took too long", errors.New("the body took too long")}
	}
	return nil, &unreadError{http.StatusBadRequest, "the body could not be read", fmt.Errorf("read the body: %w", err)}
}

// unpack replaces a compressed body by what it holds, in room of its own.
func unpack(hook *rules.Hook, req *rules.Request, room *reservation) error {
	larger := &reservation{budget: room.budget, limit: room.limit}
	if err := hook.Unpack(req, larger.grow); err != nil {
		larger.release()
		return err
	}
	if larger.held > 0 {
		room.release()
		*room = *larger
	}
	return nil
}

// believed is how much memory an announced length alone is given, and a body
// without one to begin with.
const believed = 64 << 10

// smallBodies is the memory of bodies whose requests are answered. Nothing that follows
// from a body keeps its bytes, and nearly all bodies are small, so that to make new
// memory for each is much of what a request costs.
var smallBodies sync.Pool // of *[]byte, none larger than believed

// smallBody returns memory for a body of a size, with anything in it, if there is room.
// The reservation gives it back. Each connection has some of its own; the requests that
// it has at the same time by HTTP/2 share that of the large bodies.
func (r *reservation) smallBody(size int64) ([]byte, bool) {
	if r.link != nil {
		if r.own = r.link.reading.CompareAndSwap(false, true); !r.own && !r.grow(size) {
			return nil, false
		}
	}
	if used, ok := smallBodies.Get().(*[]byte); ok {
		r.small = used
	}
	if r.small == nil || int64(cap(*r.small)) < size {
		made := make([]byte, size)
		r.small = &made
	}
	return (*r.small)[:size:size], true
}

// readSized reads a body whose length was announced, -1 if it was not. Beyond
// the first bytes it takes only twice the memory of what has come, and only as
// long as there is room. The body must not be used when the room is released.
func readSized(r io.Reader, length, limit int64, room *reservation) ([]byte, error) {
	size := int64(believed)
	if length >= 0 {
		size = min(length, believed)
	}
	body, ok := room.smallBody(size)
	if !ok {
		return nil, errNoRoom
	}
	for have := 0; int64(have) != length; {
		if have == len(body) {
			size = min(2*int64(have), limit+1)
			if length >= 0 {
				size = min(length, size)
			}
			if !room.grow(size) {
				return nil, errNoRoom
			}
			larger := make([]byte, size)
			copy(larger, body)
			body = larger
		}
		n, err := r.Read(body[have:])
		have += n
		switch {
		case errors.Is(err, io.EOF) && length < 0:
			return body[:have], nil
		case err != nil && int64(have) != length:
			return body[:have], err
		}
	}
	return body, nil
}

// allBodies is how much memory the large bodies of all requests may take at
// once, verified or not. One body of the largest size always fits, packed and
// unpacked.
const allBodies = 128 << 20

// SoftMemory is how much memory, in bytes, the process should make do with before
// the garbage collector works harder: the bodies of all requests, what the rules see
// of the largest, and what else there is. It is no bound; beyond it everything is
// slower.
func SoftMemory(maxBody int64) int64 { return bodyRoom(maxBody) + 12*maxBody + 64<<20 }

func bodyRoom(maxBody int64) int64 { return max(allBodies, 3*maxBody) }

// A budget is memory that many share.
type budget struct{ used atomic.Int64 }

// A reservation is what one request holds of a budget. Release gives it back.
type reservation struct {
	budget *budget
	limit  int64
	held   int64
	small  *[]byte // from smallBodies
	link   *link   // nil for a request that came through no door
	own    bool    // small is the connection's own
}

// grow makes the reservation as large as size, if there is room.
func (r *reservation) grow(size int64) bool {
	more := size - r.held
	if used := r.budget.used.Add(more); used > r.limit {
		r.budget.used.Add(-more)
		return false
	}
	r.held = size
	return true
}

// release gives back what is held. It may be called twice.
func (r *reservation) release() {
	r.budget.used.Add(-r.held)
	r.held = 0
	if r.small != nil {
		smallBodies.Put(r.small)
		r.small = nil
	}
	if r.own {
		r.own = false
		r.link.reading.Store(false)
	}
}
