package server

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds on connections, which take memory (about 20 KB each) and a descriptor.
const (
	mostConnections    = 12_000
	privateConnections = 128

	// What a run takes while it is started, and what everything else takes: the
	// database, the private doors, keys, watches and messages.
	descriptorsOfRun  = 8
	descriptorsOfRest = 512
)

// PrivateConnections is how many connections a private door may hold at once in such
// a process.
func PrivateConnections(descriptors uint64) int {
	return int(max(1, min(descriptors/8, privateConnections)))
}

// PublicConnections is how many connections the public door may hold at once in a
// process that may have so many descriptors and run so many scripts. One without a
// descriptor left accepts nobody, not even at its private doors, and starts nothing.
func PublicConnections(descriptors uint64, runs int) int {
	left := int64(min(descriptors, 1<<32)) - descriptorsOfRest - descriptorsOfRun*int64(runs)
	return int(min(max(left, int64(min(descriptors, 1<<32)/4)), mostConnections))
}

// connections keeps a door's connections within a bound. The one that has been
// without a whole request for longest makes place for a new one, so that a crowd that
// only holds on, or sends bodies that never end, keeps nobody out; if all have requests
// that are worked on, the new one is closed.
type connections struct {
	door string
	most func() int // as of now
	log  *slog.Logger

	mu       sync.Mutex
	all      map[net.Conn]*connection
	quiet    list.List // those without a whole request, the oldest first
	closed   int64     // since the start
	nextWarn time.Time
}

type connection struct {
	conn  net.Conn
	whole int           // requests that are worked on; by HTTP/2 there may be several
	at    *list.Element // of the quiet ones; nil: it has a whole request
}

func newConnections(door string, most func() int, log *slog.Logger) *connections {
	return &connections{door: door, most: most, log: log, all: map[net.Conn]*connection{}}
}

// change is http.Server.ConnState. What a connection has besides whole requests is of
// no account, and when it was heard of last is: of a header that has come, too.
func (c *connections) change(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateNew {
		one := &connection{conn: conn}
		c.all[conn] = one
		c.settle(one)
		c.makePlace()
		return
	}
	one := c.all[conn]
	if one == nil {
		return // it is being closed
	}
	if state == http.StateClosed || state == http.StateHijacked {
		c.forget(one)
		return
	}
	c.settle(one)
}

// count is told how many whole requests more, or fewer, a connection has.
func (c *connections) count(conn net.Conn, whole int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.all[conn]; one != nil {
		one.whole += whole
		c.settle(one)
	}
}

// settle puts a connection where it belongs: last of the quiet ones, or not among them.
func (c *connections) settle(one *connection) {
	switch {
	case one.whole > 0:
		c.leaveQuiet(one)
	case one.at != nil:
		c.quiet.MoveToBack(one.at)
	default:
		one.at = c.quiet.PushBack(one)
	}
}

func (c *connections) leaveQuiet(one *connection) {
	if one.at != nil {
		c.quiet.Remove(one.at)
		one.at = nil
	}
}

func (c *connections) forget(one *connection) {
	c.leaveQuiet(one)
	delete(c.all, one.conn)
}

// makePlace closes a connection if there is one too many, or several if there may
// be fewer than before. The newest is among the quiet ones, so mostly there is one.
func (c *connections) makePlace() {
	most := c.most()
	if len(c.all) <= most {
		return
	}
	for len(c.all) > most && c.quiet.Len() > 0 {
		oldest := c.quiet.Front().Value.(*connection)
		c.forget(oldest)
		go closeNow(oldest.conn) // it waits for who reads from it
		c.closed++
	}
	if now := time.Now(); now.After(c.nextWarn) {
		c.nextWarn = now.Add(tellEvery)
		c.log.Warn("more connections come than there may be, and those without a whole request for longest are closed",
			"door", c.door, "at_once", most, "closed_since_start", c.closed)
	}
}

// closeNow closes a connection without a word, for which TLS would wait.
func closeNow(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
