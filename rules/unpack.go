package rules

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrTooLarge is the error of a body that is larger than server.max_body once it
// is unpacked, or that holds so many values that they would take much more memory
// than itself: 413 for the sender.
var ErrTooLarge = errors.New("the body is too large")

// maxValues is how many values of a payload are held in memory for the rules. An
// object that is not empty counts for as many more as it takes the memory of.
const (
	maxValues    = 1_000_000
	objectValues = 2
)

func tooManyValues() error {
	return fmt.Errorf("%w: it holds more than %d values that the rules ask for, or names in one object", ErrTooLarge, maxValues)
}

// ErrNoRoom is the error of a body for which there is no memory just now: 503 for
// the sender.
var ErrNoRoom = errors.New("too many large bodies are being read at once")

// Unpack replaces a compressed body by what it holds, and names the event and its id
// anew, which may stand in there. It comes after the proof, which is about the bytes
// as they were sent. room, if it is not nil, is asked before so many bytes are held.
// The error is ErrTooLarge, ErrNoRoom or a *MalformedError; then the request is as it
// was.
func (h *Hook) Unpack(r *Request, room func(size int64) bool) error {
	if encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding != "gzip" && encoding != "x-gzip" {
		return nil
	}
	packed, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		return &MalformedError{"not gzip: " + err.Error()}
	}
	body, err := unpack(packed, h.maxBody, room)
	if err != nil {
		return err
	}
	r.Body, r.Header = body, r.Header.Clone()
	r.Header.Del("Content-Encoding")
	sent := r.proven
	if sent == nil {
		sent = h.evidence(r, r.ReceivedAt)
	}
	r.proven = nil // it holds the packed body
	h.identify(r, sent.Unpacked(r.Header, body))
	return nil
}

func unpack(packed io.Reader, limit int64, room func(int64) bool) ([]byte, error) {
	const first = 64 << 10
	body := make([]byte, 0, first)
	for {
		n, err := packed.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, fmt.Errorf("%w once it is unpacked: more than %d bytes (server.max_body)", ErrTooLarge, limit)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, &MalformedError{"not gzip: " + err.Error()}
		case len(body) < cap(body):
			continue
		}
		size := min(2*int64(cap(body)), limit+1)
		if room != nil && !room(size) {
			return nil, ErrNoRoom
		}
		body = append(make([]byte, 0, size), body...)
	}
}
