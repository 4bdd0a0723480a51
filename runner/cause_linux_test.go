package runner

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// The kernel's own table says which socket is the other end of a connection.
func TestSocketInode(t *testing.T) {
	for _, network := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", network)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		theirs, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		ours, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		here, there := addrOf(t, ours.LocalAddr()), addrOf(t, ours.RemoteAddr())
		if inode := socketInode(Conn{Local: here, Remote: there}); inode == "" || !holdsSocket(os.Getpid(), inode) {
			t.Errorf("%s: the other end has inode %q", network, inode)
		}
		elsewhere := netip.AddrPortFrom(there.Addr(), there.Port()^1)
		if inode := socketInode(Conn{Local: here, Remote: elsewhere}); inode != "" {
			t.Errorf("%s: what is not there has inode %q", network, inode)
		}
	}
}

func addrOf(t *testing.T, a net.Addr) netip.AddrPort {
	t.Helper()
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
