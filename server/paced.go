package server

import (
	"errors"
	"net/http"
	"time"
)

// A pacedWriter writes an answer that takes longer than a request may, because it
// depends on others: each piece, and not the whole, must be taken within the
// door's limit.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	within  time.Duration // 0: no limit
}

func newPacedWriter(w http.ResponseWriter, r *http.Request) *pacedWriter {
	p := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w)}
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		p.within = server.WriteTimeout
	}
	return p
}

// WriteHeader begins the answer. What net/http sends of it by itself is within
// the same limit.
func (p *pacedWriter) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

// Write sends a piece at once. The error is os.ErrDeadlineExceeded if it was not
// taken in time.
func (p *pacedWriter) Write(b []byte) (int, error) {
	p.begin()
	n, err := p.ResponseWriter.Write(b)
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return len(b), nil // to HEAD the answer is the same, without its body
	}
	if err != nil {
		return n, err
	}
	return n, p.control.Flush()
}

// begin gives what is written next the door's limit.
func (p *pacedWriter) begin() {
	if p.within > 0 {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.within)) // what is no connection has none
	}
}
