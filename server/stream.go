package server

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// keepAliveEvery is how often a stream of events shows that it is still there, for
// proxies that cut what is silent.
const keepAliveEvery = 15 * time.Second

// A format is the form of a stream. Its functions return what is to be sent.
type format interface {
	contentType() string
	output(run int64, s runner.Segment) []byte
	end(run int64, state runner.State, exitCode *int) []byte
	silence() []byte // nil if there is nothing that means nothing
}

// stream answers with what the runs print as they print it, all at once, and
// with how each ended. The error says why it was not taken.
func (a *respondent) stream() error {
	s := &stream{w: a.w, format: formatFor(a.r, len(a.accepted.Runs))}
	s.ctx, s.stop = context.WithCancel(a.r.Context())
	defer s.stop()
	h := a.w.Header()
	h.Set("Content-Type", s.format.contentType())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep it back until it is complete
	h.Set("Trailer", stateHeader)
	a.w.WriteHeader(http.StatusOK)
	if err := a.w.control.Flush(); err != nil {
		return err
	}
	states := make([]runner.State, len(a.accepted.Runs))
	var followers sync.WaitGroup
	for i, run := range a.accepted.Runs {
		followers.Go(func() { states[i] = a.follow(s, run.ID) })
	}
	s.keepAlive(&followers)
	h.Set(stateHeader, each(states, func(s runner.State) string { return string(s) }))
	return s.err
}

// follow sends the output of one run and its end. It returns how it stands when
// nothing more is sent of it, which is its end unless the server stops first.
func (a *respondent) follow(s *stream, id int64) runner.State {
	reader := newOutputReader(a.in.store, id, func(_ int, piece runner.Segment) error {
		return s.send(func() []byte { return s.format.output(id, piece) })
	})
	look := func(run *runner.Run) error { return reader.upTo(s.ctx, run) }
	run, err := watch(s.ctx, a.in.store, a.in.queue, id, closing(s.ctx), look)
	if err != nil {
		a.unread(s.ctx, id, err)
		run = &runner.Run{State: "unknown"}
	}
	_ = s.send(func() []byte { return s.format.end(id, run.State, run.ExitCode) })
	return run.State
}

// A stream is written by the followers of several runs, a piece at a time.
type stream struct {
	w      *pacedWriter
	format format
	ctx    context.Context // ends when nothing more can be sent
	stop   context.CancelFunc

	mu  sync.Mutex // for what is written and for what the format remembers of it
	err error      // of the first write that failed; nothing is written after it
}

func (s *stream) send(piece func() []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if data := piece(); len(data) > 0 {
		_, s.err = s.w.Write(data)
	}
	if s.err != nil {
		s.stop()
	}
	return s.err
}

// keepAlive breaks the silence until all followers are done.
func (s *stream) keepAlive(followers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { followers.Wait(); close(done) }()
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			_ = s.send(s.format.silence)
		}
	}
}

// formatFor is what the sender asks for: events if it names them, else text.
func formatFor(r *http.Request, runs int) format {
	for _, accept := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(accept, ",") {
			if name, _, err := mime.ParseMediaType(kind); err == nil && name == "text/event-stream" {
				return events{}
			}
		}
	}
	return &text{several: runs > 1, lineBegins: true}
}
