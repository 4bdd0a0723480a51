package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// An unreadError is why a body was not read to its end.
type unreadError struct {
	status int
	msg    string // for the sender
	reason error  // for the operator
}

func (e *unreadError) Error() string { return e.reason.Error() }
func (e *unreadError) Unwrap() error { return e.reason }

func tooLarge(format string, args ...any) error {
	return &unreadError{http.StatusRequestEntityTooLarge, "too large", fmt.Errorf(format, args...)}
}

// readBody reads the body once, up to the limit. The error is an *unreadError.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge("the body is too large: %d bytes, %d allowed (server.max_body)", r.ContentLength, limit)
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := readSized(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	if err == nil {
		return body, nil
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge("the body is too large: more than %d bytes (server.max_body)", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &unreadError{http.StatusRequestTimeout, "the body took too long", errors.New("the body took too long")}
	}
	return nil, &unreadError{http.StatusBadRequest, "the body could not be read", fmt.Errorf("read the body: %w", err)}
}

// believed is how much memory an announced length alone is given.
const believed = 64 << 10

// readSized reads a body whose length was announced, -1 if it was not. Beyond
// the first bytes an announcement takes only twice the memory of what has come.
func readSized(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, min(length, believed))
	for have := 0; ; {
		n, err := io.ReadFull(r, body[have:])
		have += n
		if err != nil || int64(have) == length {
			return body[:have], err
		}
		larger := make([]byte, min(length, int64(2*have)))
		copy(larger, body)
		body = larger
	}
}
