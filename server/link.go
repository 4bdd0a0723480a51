package server

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// A link is what the requests of one connection share.
type link struct {
	door    *connections // nil if nobody counts them
	conn    net.Conn
	refused atomic.Int64 // when one was sent away last, in Unix nanoseconds
	reading atomic.Bool  // one has the connection's own memory for its body
}

type linkKey struct{}

func withLink(ctx context.Context, door *connections, conn net.Conn) context.Context {
	return context.WithValue(ctx, linkKey{}, &link{door: door, conn: conn})
}

// linkOf is nil for a request that came through no door.
func linkOf(r *http.Request) *link {
	l, _ := r.Context().Value(linkKey{}).(*link)
	return l
}

// come is called when a request is there with all of its body, and gone when it has
// been worked on.
func (l *link) come() { l.count(1) }
func (l *link) gone() { l.count(-1) }

func (l *link) count(whole int) {
	if l != nil && l.door != nil {
		l.door.count(l.conn, whole)
	}
}

// withoutBody counts the requests that are there with their header.
func withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			l := linkOf(r)
			l.come()
			defer l.gone()
		}
		next.ServeHTTP(w, r)
	})
}
