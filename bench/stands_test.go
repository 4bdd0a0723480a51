package main

import (
	"context"
	"net/http"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
)

// ending is a runner's store that keeps nothing and tells of ends.
type ending struct {
	runner.Store // what is not here is not asked
	ended        chan runner.Run
}

func (s *ending) Update(_ context.Context, run *runner.Run, _ *runner.Chunk) error {
	if run.State.Ended() {
		s.ended <- *run
	}
	return nil
}
func (s *ending) Take(ctx context.Context, run *runner.Run) error { return s.Update(ctx, run, nil) }
func (*ending) AppendOutput(context.Context, *runner.Chunk) error { return nil }
func (*ending) NoteProcess(int64, string)                         {}
func (*ending) Body(context.Context, int64) ([]byte, error)       { return []byte(`{}`), nil }

// forgetful is a store and a queue that keep nothing.
type forgetful struct {
	server.RunReader
	server.Control
}

func (forgetful) Holder(runner.Conn) (int64, bool) { return 0, false }
func (forgetful) Record(d *rules.Delivery)         { d.ID = 1 }
func (forgetful) Accept(_ context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	d.ID = 1
	for i, r := range runs {
		r.ID = int64(i + 1)
	}
	return runner.Displaced{}, nil
}
func (forgetful) RunsOf(context.Context, []int64) (map[int64][]*runner.Run, error) { return nil, nil }
func (forgetful) Reserve([]*runner.Run) func()                                     { return func() {} }
func (forgetful) Enqueue(...*runner.Run)                                           {}
func (forgetful) Displace(runner.Displaced)                                        {}
func (forgetful) Full(string) bool                                                 { return false }
func (forgetful) Named(string) int64                                               { return 0 }

// nobody reads an answer.
type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header         { return w.header }
func (w *nobody) Write(p []byte) (int, error) { return len(p), nil }
func (w *nobody) WriteHeader(status int)      { w.status = status }
