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

// output sends what a run printed, attempt after attempt. With ?follow it goes
// on until the run has ended or the door closes. A slow reader slows nothing but
// itself.
func (a *API) output(w http.ResponseWriter, r *http.Request, p httprouter.Params) {
	id, err := idOf(p)
	if err != nil {
		answerFailure(w, err)
		return
	}
	run, err := a.Store.Run(r.Context(), id)
	if err != nil {
		answerFailure(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	lines := json.NewEncoder(w)
	reader := newOutputReader(a.Store, id, func(attempt int, s runner.Segment) error {
		return lines.Encode(Line{Attempt: attempt, Time: s.Time.UTC(), Stream: s.Stream.String(), Data: s.Data, Omitted: s.Omitted})
	})
	if r.URL.Query().Has("follow") && !run.State.Ended() {
		err = a.follow(w, r, reader)
	} else {
		err = reader.upTo(r.Context(), run)
	}
	if err != nil {
		_ = lines.Encode(Line{Attempt: reader.attempt, Stream: "error", Error: err.Error()})
	}
}

// follow sends output until the run has ended and everything is sent.
func (a *API) follow(w http.ResponseWriter, r *http.Request, reader *outputReader) error {
	_, err := watch(r.Context(), a.Store, a.Runner, reader.run, closing(r.Context()), func(run *runner.Run) error {
		if err := reader.upTo(r.Context(), run); err != nil || run.State.Ended() {
			return err
		}
		return http.NewResponseController(w).Flush()
	})
	return err
}
