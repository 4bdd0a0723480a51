package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
	"sync"
)

// A peer is the process at the other end of a Unix socket, as the kernel says.
type peer struct {
	uid int
	pid int // 0 where the system does not tell
}

type peerKey struct{}

// A holding is the run that has the other end of a connection, once that was
// asked: it does not change, and is not quickly told.
type holding struct {
	mu    sync.Mutex
	asked bool
	run   int64 // 0 for none
}

type holdingKey struct{}

// withPeer remembers who has the other end of a connection.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, holdingKey{}, &holding{})
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return ctx
	}
	var p peer
	var asked error
	if err := raw.Control(func(fd uintptr) { p, asked = askPeer(int(fd)) }); err != nil || asked != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

func peerOf(ctx context.Context) (peer, bool) {
	p, ok := ctx.Value(peerKey{}).(peer)
	return p, ok
}

// localAddr is our end of the connection.
func localAddr(r *http.Request) (netip.AddrPort, bool) {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	return addr.AddrPort(), true
}

// ForHeader is where the command line says for whom it works when it was started
// through sudo. The socket lets only those in who may claim anything.
const ForHeader = "Hooktender-For"

// who names the person behind a request on the command line's socket.
func who(r *http.Request) string {
	p, ok := peerOf(r.Context())
	if !ok {
		return "unknown"
	}
	name := userName(p.uid)
	if other := r.Header.Get(ForHeader); other != "" && other != name {
		return cut(plainName(other)) + " as " + name
	}
	return name
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return "uid " + strconv.Itoa(uid)
	}
	return u.Username
}

// plainName leaves out what could be mistaken for something else.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
}
