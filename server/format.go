package server

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/hooktender/hooktender/runner"
)

// plainText is a piece of output as it was printed. What was left out for its
// size is told in its place, in the words of `hooktender runs logs`.
func plainText(s runner.Segment) []byte {
	if s.Stream == runner.Gap {
		return fmt.Appendf(nil, "\n[… %d bytes left out …]\n", s.Omitted)
	}
	return s.Data
}

// text is output byte for byte, and a line at the end of each run. Where there
// are several runs, a line says whose output follows.
type text struct {
	several    bool
	run        int64 // whose output was sent last
	lineBegins bool  // what is sent next begins a line
}

func (*text) contentType() string { return "text/plain; charset=utf-8" }
func (*text) silence() []byte     { return nil }

func (t *text) output(run int64, s runner.Segment) []byte {
	data := plainText(s)
	if len(data) == 0 {
		return nil
	}
	if t.several && run != t.run {
		data = append(t.line("[run %d]", run), data...)
	}
	t.run, t.lineBegins = run, data[len(data)-1] == '\n'
	return data
}

func (t *text) end(run int64, state runner.State, _ *int) []byte {
	t.run = 0 // what follows is another's
	return t.line("[run %d: %s]", run, state)
}

// line is a line of its own.
func (t *text) line(format string, args ...any) []byte {
	var data []byte
	if !t.lineBegins {
		data = []byte{'\n'}
	}
	t.lineBegins = true
	return append(fmt.Appendf(data, format, args...), '\n')
}

// events are server-sent events with JSON in them.
type events struct{}

// outputEvent is a piece of output. What is no text in UTF-8 is in Base64.
type outputEvent struct {
	Run     int64  `json:"run"`
	Stream  string `json:"stream"` // stdout, stderr or gap
	Data    string `json:"data,omitempty"`
	Base64  []byte `json:"base64,omitempty"`
	Omitted int64  `json:"omitted,omitempty"` // bytes left out; for a gap
}

type endEvent struct {
	Run      int64        `json:"run"`
	State    runner.State `json:"state"`
	ExitCode *int         `json:"exit_code"`
}

func (events) contentType() string { return "text/event-stream" }
func (events) silence() []byte     { return []byte(": still here\n\n") }

func (events) output(run int64, s runner.Segment) []byte {
	e := outputEvent{Run: run, Stream: s.Stream.String(), Omitted: s.Omitted}
	if utf8.Valid(s.Data) {
		e.Data = string(s.Data)
	} else {
		e.Base64 = s.Data
	}
	return event("output", e)
}

func (events) end(run int64, state runner.State, exitCode *int) []byte {
	return event("end", endEvent{run, state, exitCode})
}

// event is one event. JSON has no line breaks of its own, so its data is a line.
func event(name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return nil // these are numbers and texts
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
}
