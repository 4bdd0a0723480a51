package server

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/hooktender/hooktender/runner"
)

// countingQueue counts how often it looks who has a connection.
type countingQueue struct {
	*fakeIntake
	busy  bool
	looks int
}

func (q *countingQueue) Holder(runner.Conn) (int64, bool) {
	if q.busy {
		q.looks++
	}
	return 7, q.busy
}

// Who has the other end of a connection is not quickly told, so it is asked once
// for all that comes through it, and not while nothing runs.
func TestTheHolderIsAskedOnce(t *testing.T) {
	fake := newFakeIntake(t)
	log, _ := newLog()
	q := &countingQueue{fakeIntake: fake}
	in := NewIntake(fake, q, log)
	us, them := net.Pipe()
	defer us.Close()
	defer them.Close()
	ctx := context.WithValue(withPeer(t.Context(), us), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9000})
	r := newServerRequest("POST", "/", "{}").WithContext(ctx)
	r.RemoteAddr = "127.0.0.1:40000"
	in.sender(r)
	q.busy = true
	for range 3 {
		if run := in.sender(r); run != 7 {
			t.Errorf("run %d", run)
		}
	}
	if q.looks != 1 {
		t.Errorf("looked %d times", q.looks)
	}
	r.RemoteAddr = "192.0.2.1:40000"
	if run := in.sender(r); run != 0 {
		t.Errorf("a sender from elsewhere is run %d", run)
	}
}
