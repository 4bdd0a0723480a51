package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A frameConn is a client's end of an HTTP/2 connection (RFC 9113), frame by frame.
type frameConn struct{ *tls.Conn }

const (
	headersFrame  = 1
	settingsFrame = 4
	windowFrame   = 8
	endStream     = 1
	endHeaders    = 4
)

func dialHTTP2(t *testing.T, address string) frameConn {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f := frameConn{c}
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.send(settingsFrame, 0, 0, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f frameConn) send(kind, flags byte, stream uint32, payload []byte) error {
	head := []byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	_, err := f.Write(append(binary.BigEndian.AppendUint32(head, stream), payload...))
	return err
}

// post begins a request: POST / of the host x (RFC 7541, appendix A).
func (f frameConn) post(stream uint32, flags byte) error {
	return f.send(headersFrame, endHeaders|flags, stream, []byte("\x83\x87\x84\x41\x01x"))
}

func openHTTP2(t *testing.T, handler http.Handler, limits Limits) *Door {
	t.Helper()
	log, _ := newLog()
	d, err := Open("test", "127.0.0.1:0", 0, handler, limits, log)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := certify(t, t.TempDir(), 1)
	config, err := TLS(cert, key, log)
	if err != nil {
		t.Fatal(err)
	}
	d.Speak(config)
	serveUntilEnd(t, d)
	return d
}

// Who takes nothing of an answer does not keep its connection for long.
func TestWhoTakesNoAnswerByHTTP2(t *testing.T) {
	ended := make(chan error)
	limits := PublicLimits
	limits.Write = 100 * time.Millisecond
	d := openHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	}), limits)
	f := dialHTTP2(t, d.Address())
	const much = 1<<31 - 1
	if err := f.send(settingsFrame, 0, 0, binary.BigEndian.AppendUint32([]byte{0, 4}, much)); err != nil { // of each stream
		t.Fatal(err)
	}
	if err := f.send(windowFrame, 0, 0, binary.BigEndian.AppendUint32(nil, much-1<<16)); err != nil {
		t.Fatal(err)
	}
	if err := f.post(1, endStream); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the end of the answer", ended); err == nil {
		t.Error("all of it was taken")
	}
}

// What a connection has at once beside one body is of the memory of large ones, and is
// given back.
func TestMemoryOfBodiesByHTTP2(t *testing.T) {
	shared, b := &link{}, new(budget)
	request := func() *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader("hello"))
		r.ContentLength = -1
		return r.WithContext(context.WithValue(t.Context(), linkKey{}, shared))
	}
	in := &Intake{}
	var rooms []*reservation
	for i, want := range []int64{0, believed, 2 * believed} {
		p := in.placeFor(request(), 1<<20)
		p.room.budget, p.room.limit = b, 2*believed
		if body, err := p.read(nil, request(), 1<<20); string(body) != "hello" || err != nil || b.used.Load() != want {
			t.Fatalf("body %d: %q, %v, %d bytes are used", i, body, err, b.used.Load())
		}
		rooms = append(rooms, &p.room)
	}
	p := in.placeFor(request(), 1<<20)
	p.room.budget, p.room.limit = b, 2*believed
	if _, err := p.read(nil, request(), 1<<20); err != errNoRoom {
		t.Errorf("one too many: %v", err)
	}
	p.leave()
	for range 2 {
		for _, r := range rooms {
			r.release()
		}
	}
	if b.used.Load() != 0 || shared.reading.Load() {
		t.Errorf("%d bytes are used when all are answered", b.used.Load())
	}
}
