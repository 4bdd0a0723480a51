package server

import (
	"context"

	"github.com/hooktender/hooktender/runner"
)

// RunReader shows how far a run has come and what it printed. A missing run is
// fs.ErrNotExist.
type RunReader interface {
	Run(ctx context.Context, id int64) (*runner.Run, error)
	Output(ctx context.Context, run int64, attempt, after, limit int) ([]runner.Chunk, error)
}

// Control is what a door can do about a run: wait for news of it, and end it.
type Control interface {
	// Cancel ends a run, as by says; nil if no person wants it.
	Cancel(ctx context.Context, run int64, by *runner.AuditEntry) error
	Changed(run int64) <-chan struct{}
}

// chunksAtOnce bounds how much output is held in memory for one reader.
const chunksAtOnce = 16

// watch calls look with the run as it stands, and again whenever there is news
// of it, until it has ended. It returns the run as it was seen last, which has
// not ended if stop was closed or ctx ended before.
func watch(ctx context.Context, runs RunReader, control Control, id int64, stop <-chan struct{}, look func(*runner.Run) error) (*runner.Run, error) {
	for {
		changed := control.Changed(id) // first, to miss nothing that happens after the look
		run, err := runs.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := look(run); err != nil || run.State.Ended() {
			return run, err
		}
		select {
		case <-changed:
		case <-stop:
			return run, nil
		case <-ctx.Done():
			return run, nil
		}
	}
}

// outputReader remembers how far a reader of a run's output has come.
type outputReader struct {
	runs    RunReader
	run     int64
	attempt int // from 1
	seq     int
	send    func(attempt int, s runner.Segment) error
}

func newOutputReader(runs RunReader, run int64, send func(attempt int, s runner.Segment) error) *outputReader {
	return &outputReader{runs: runs, run: run, attempt: 1, send: send}
}

// upTo sends all that is stored of a run's attempts so far.
func (o *outputReader) upTo(ctx context.Context, run *runner.Run) error {
	for ; o.attempt <= run.Attempt; o.attempt, o.seq = o.attempt+1, 0 {
		if err := o.rest(ctx); err != nil {
			return err
		}
		if o.attempt == run.Attempt {
			return nil // more of this one may come
		}
	}
	return nil
}

// rest sends what is stored of an attempt and was not sent yet.
func (o *outputReader) rest(ctx context.Context) error {
	for {
		chunks, err := o.runs.Output(ctx, o.run, o.attempt, o.seq, chunksAtOnce)
		if err != nil || len(chunks) == 0 {
			return err
		}
		for _, chunk := range chunks {
			if err := o.sendChunk(chunk); err != nil {
				return err
			}
			o.seq = chunk.Seq
		}
	}
}

func (o *outputReader) sendChunk(chunk runner.Chunk) error {
	for s, err := range chunk.Segments() {
		if err != nil {
			return err
		}
		if err := o.send(chunk.Attempt, s); err != nil {
			return err
		}
	}
	return nil
}
