package server

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// proxies are those whose X-Forwarded-For is believed. Forwarded (RFC 7239) and
// X-Real-Ip are not read: most proxies set one header and pass the others on as
// the stranger wrote them, so to believe in several is to believe strangers.
type proxies rules.Proxies

// client is the sender's address. It is the address of the connection, unless
// that is a trusted proxy's: then it is the last one in X-Forwarded-For that no
// trusted proxy has. Anything before that one was written by who knows whom. It
// is invalid for a connection without an address, such as a Unix socket, of which
// no trusted proxy tells more, and where a trusted proxy tells what is no address:
// the sender is somebody then, but not the proxy.
func (p proxies) client(r *http.Request) (netip.Addr, error) {
	addr, forwarded := connected(r), strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	if !p.through(r) || strings.TrimSpace(forwarded) == "" {
		return addr, nil
	}
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := readHop(strings.TrimSpace(hops[i]))
		if !ok {
			return netip.Addr{}, errNoAddress
		}
		if addr = hop; !p.trusted(addr) {
			break
		}
	}
	return addr, nil
}

// errNoAddress is why it is not known who sends.
var errNoAddress = errors.New("X-Forwarded-For of the trusted proxy has an entry that is no address")

// readHop reads an entry of X-Forwarded-For: an address, with its port as some
// proxies write it, and IPv6 in brackets or not.
func readHop(text string) (netip.Addr, bool) {
	if pair, err := netip.ParseAddrPort(text); err == nil {
		return plainAddr(pair.Addr()), true
	}
	if inside, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inside, "]") && strings.Contains(inside, ":") {
		text = strings.TrimSuffix(inside, "]")
	}
	addr, err := netip.ParseAddr(text)
	return plainAddr(addr), err == nil
}

// through tells whether the connection is a trusted proxy's.
func (p proxies) through(r *http.Request) bool {
	if _, socket := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); socket {
		return p.Unix
	}
	return p.trusted(connected(r))
}

// connected is the address of the connection, invalid where it has none.
func connected(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plainAddr(peer.Addr())
}

// plainAddr makes one address of all spellings of it: ::ffff:192.0.2.1 is
// 192.0.2.1, and a zone, which may be any text, is no part of it.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func (p proxies) trusted(addr netip.Addr) bool {
	for _, prefix := range p.Networks {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
