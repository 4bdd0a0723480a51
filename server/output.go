package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/runner"
)

// A Line is a piece of a run's output as the API sends it, one JSON object a
// line. Data is base64 in JSON, because a script prints what it likes.
type Line struct {
	Attempt int       `json:"attempt"`
	Time    time.Time `json:"time,omitzero"`
	Stream  string    `json:"stream"`            // stdout, stderr, gap or error
	Data    []byte    `json:"data,omitempty"`    // byte for byte
	Omitted int64     `json:"omitted,omitempty"` // bytes left out; for a gap
	// Error ends the stream: what is stored cannot be read.
	Error string `json:"error,omitempty"`
}

// chunksAtOnce bounds how much output is held in memory for one reader.
const chunksAtOnce = 64

// output sends what a run printed, attempt after attempt. With ?follow it goes
// on until the run has ended or the door closes. A slow reader slows nothing but
// itself.
func (a *API) output(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	id, err := idOf(p)
	if err != nil {
		answerFailure(w, err)
		return
	}
	run, err := a.store.Run(r.Context(), id)
	if err != nil {
		answerFailure(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	reader := &outputReader{api: a, w: w, lines: json.NewEncoder(w), r: r, run: id, attempt: 1}
	if r.URL.Query().Has("follow") && !run.State.Ended() {
		err = reader.follow()
	} else {
		err = reader.upTo(run)
	}
	if err != nil {
		_ = reader.lines.Encode(Line{Attempt: reader.attempt, Stream: "error", Error: err.Error()})
	}
}

// outputReader remembers how far a reader has come.
type outputReader struct {
	api     *API
	w       http.ResponseWriter
	lines   *json.Encoder
	r       *http.Request
	run     int64
	attempt int
	seq     int
}

// follow sends output until the run has ended and everything is sent.
func (o *outputReader) follow() error {
	for {
		changed := o.api.control.Changed(o.run)
		run, err := o.api.store.Run(o.r.Context(), o.run)
		if err != nil {
			return err
		}
		if err := o.upTo(run); err != nil || run.State.Ended() {
			return err
		}
		if err := http.NewResponseController(o.w).Flush(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-closing(o.r.Context()):
			return nil
		case <-o.r.Context().Done():
			return nil
		}
	}
}

// upTo sends all that is stored of a run's attempts so far.
func (o *outputReader) upTo(run *runner.Run) error {
	for ; o.attempt <= run.Attempt; o.attempt, o.seq = o.attempt+1, 0 {
		if err := o.rest(); err != nil {
			return err
		}
		if o.attempt == run.Attempt {
			return nil // more of this one may come
		}
	}
	return nil
}

// rest sends what is stored of an attempt and was not sent yet.
func (o *outputReader) rest() error {
	for {
		chunks, err := o.api.store.Output(o.r.Context(), o.run, o.attempt, o.seq, chunksAtOnce)
		if err != nil || len(chunks) == 0 {
			return err
		}
		for _, chunk := range chunks {
			if err := o.send(chunk); err != nil {
				return err
			}
			o.seq = chunk.Seq
		}
	}
}

func (o *outputReader) send(chunk runner.Chunk) error {
	for s, err := range chunk.Segments() {
		if err != nil {
			return err
		}
		line := Line{Attempt: chunk.Attempt, Time: s.Time.UTC(), Stream: s.Stream.String(), Data: s.Data, Omitted: s.Omitted}
		if err := o.lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
