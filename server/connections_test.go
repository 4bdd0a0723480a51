package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A namedConn is told apart from others, and tells when it is closed.
type namedConn struct {
	net.Conn
	name   string
	closed chan<- string
}

func (c *namedConn) Close() error { c.closed <- c.name; return nil }

// wrapped is a connection around another, as TLS is.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }
func (wrapped) Close() error        { panic("closed with a word") }

// The connection that has had no request for longest goes first, one with a request
// never, and the newest if there is no other.
func TestOldestIdleGoesFirst(t *testing.T) {
	log, text := newLog()
	closed := make(chan string, 2)
	conns := map[string]net.Conn{}
	for _, name := range strings.Split("abcdefgh", "") {
		conns[name] = wrapped{&namedConn{name: name, closed: closed}}
	}
	most := 3
	c := newConnections("test", func() int { return most }, log)
	is := func(state http.ConnState) func(net.Conn) {
		return func(conn net.Conn) { c.change(conn, state) }
	}
	has := func(whole int) func(net.Conn) {
		return func(conn net.Conn) { c.count(conn, whole) }
	}
	for i, step := range []struct {
		conn   string
		does   func(net.Conn)
		closed string // the one that goes
	}{
		{"a", is(http.StateNew), ""},
		{"b", is(http.StateNew), ""},
		{"c", is(http.StateNew), ""},
		{"a", is(http.StateActive), ""},
		{"a", has(1), ""},
		{"a", has(-1), ""},
		{"a", is(http.StateIdle), ""},
		{"d", is(http.StateNew), "b"},
		{"b", is(http.StateActive), ""}, // too late for it
		{"b", has(1), ""},
		{"b", is(http.StateClosed), ""},
		{"c", is(http.StateActive), ""},
		{"c", has(1), ""},
		{"e", is(http.StateNew), "a"},
		{"d", is(http.StateActive), ""}, // waits for a body
		{"e", is(http.StateActive), ""},
		{"e", has(1), ""},
		{"e", has(1), ""}, // another one
		{"e", has(-1), ""},
		{"f", is(http.StateNew), "d"},
		{"f", has(1), ""},
		{"g", is(http.StateNew), "g"}, // all others are at work
		{"c", is(http.StateClosed), ""},
		{"g", is(http.StateNew), ""},
	} {
		step.does(conns[step.conn])
		got := ""
		if step.closed != "" {
			got = within(t, "the end of a connection", closed)
		}
		if got != step.closed || len(closed) > 0 {
			t.Fatalf("step %d, of %s: %q is closed, want %q", i, step.conn, got, step.closed)
		}
	}
	most = 1 // a reload: those at work go on, and nobody else
	c.change(conns["h"], http.StateNew)
	gone := []string{within(t, "the end of a connection", closed), within(t, "the end of a connection", closed)}
	if slices.Sort(gone); !slices.Equal(gone, []string{"g", "h"}) || len(c.all) != 2 {
		t.Errorf("%v are closed, %d left", gone, len(c.all))
	}
	if said := text.String(); strings.Count(said, "more connections come") != 1 || !strings.Contains(said, "door=test at_once=3") {
		t.Error(said)
	}
}

// At a real door, with and without TLS: those who send nothing are closed, the oldest
// first; who has sent something gets the answer, and who comes now one as well.
func TestCrowdOfSilentConnections(t *testing.T) {
	for _, name := range []string{"plain", "tls", "bodies"} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					close(entered)
					<-release
				}
				answer(w, 200, "hello")
			})
			limits := PublicLimits
			limits.Connections = func() int { return 5 }
			log, _ := newLog()
			d, err := Open("test", "127.0.0.1:0", 0, handler, limits, log)
			if err != nil {
				t.Fatal(err)
			}
			scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
			if name == "tls" {
				cert, key := certify(t, t.TempDir(), 1)
				config, err := TLS(cert, key, log)
				if err != nil {
					t.Fatal(err)
				}
				d.Speak(config)
				scheme, transport = "https", &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
			}
			serveUntilEnd(t, d)
			ask := func(path string) answered {
				r, err := http.NewRequest("GET", scheme+"://"+d.Address()+path, nil)
				if err != nil {
					t.Error(err)
					return answered{}
				}
				return send(t, &http.Client{Transport: transport}, r)
			}
			slow := make(chan answered, 1)
			go func() { slow <- ask("/slow") }()
			within(t, "the slow request", entered)
			var silent []net.Conn
			for range 20 {
				c := dial(t, d.Address())
				silent = append(silent, c)
				if name == "bodies" { // which never end, and of which nobody reads this one
					fmt.Fprint(c, "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")
				}
			}
			ended := make(chan int, len(silent))
			for i, c := range silent {
				go func() {
					if _, err := c.Read(make([]byte, 1)); err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
						ended <- i
					}
				}()
			}
			for range 16 {
				// Whose header is read later is the newer one, whoever connected first.
				if i := within(t, "the end of a silent connection", ended); i >= 16 && name != "bodies" {
					t.Errorf("silent connection %d is closed, and was one of the newest", i)
				}
			}
			if a := ask("/"); a.status != 200 {
				t.Errorf("who comes now is answered %+v", a)
			}
			close(release)
			if a := within(t, "the slow answer", slow); a.status != 200 {
				t.Errorf("who came first is answered %+v", a)
			}
		})
	}
}

func TestPublicConnections(t *testing.T) {
	var got []int
	for _, c := range []struct {
		descriptors uint64
		runs        int
	}{{1024, 32}, {700, 32}, {4096, 32}, {4096, 1000}, {20_000, 32}, {1 << 20, 100_000}, {math.MaxUint64, 32}} {
		got = append(got, PublicConnections(c.descriptors, c.runs))
	}
	if want := []int{256, 175, 3328, 1024, 12_000, 12_000, 12_000}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A crowd at all doors leaves something to everything else.
func TestDescriptorsOfAllDoors(t *testing.T) {
	for _, descriptors := range []uint64{64, 256, 700, 1024, 4096} {
		if all := PublicConnections(descriptors, 32) + 2*PrivateConnections(descriptors); uint64(all)+min(descriptors/4, descriptorsOfRest) > descriptors {
			t.Errorf("%d connections at all doors, of %d descriptors", all, descriptors)
		}
	}
	if got := PrivateConnections(math.MaxUint64); got != privateConnections {
		t.Errorf("%d, want %d", got, privateConnections)
	}
}
