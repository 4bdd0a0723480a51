package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the addresses whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// client is the sender's address. It is the address of the connection, unless
// that is a trusted proxy's: then it is the last one in X-Forwarded-For that no
// trusted proxy has. Anything before that one was written by who knows whom. It
// is invalid for a connection without an address, such as a Unix socket.
func (p proxies) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plainAddr(peer.Addr())
	if !p.trusted(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return addr // not an address: the last one known is the best there is
		}
		if addr = plainAddr(hop); !p.trusted(addr) {
			return addr
		}
	}
	return addr
}

// through tells whether the connection is a trusted proxy's.
func (p proxies) through(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && p.trusted(plainAddr(peer.Addr()))
}

// plainAddr makes one address of all spellings of it: ::ffff:192.0.2.1 is
// 192.0.2.1, and a zone, which may be any text, is no part of it.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func (p proxies) trusted(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
