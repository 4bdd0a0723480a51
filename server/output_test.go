package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// chunk encodes one segment as the runner does: stream, time in microseconds,
// length or number of bytes left out, bytes.
func chunk(attempt, seq int, stream runner.Stream, text string, omitted uint64) runner.Chunk {
	data := binary.AppendVarint([]byte{byte(stream)}, atNoon.UnixMicro())
	if stream == runner.Gap {
		data = binary.AppendUvarint(data, omitted)
	} else {
		data = append(binary.AppendUvarint(data, uint64(len(text))), text...)
	}
	return runner.Chunk{Run: 42, Attempt: attempt, Seq: seq, Data: data}
}

// brief is what a reader gets, a line each.
func brief(t *testing.T, body string) string {
	t.Helper()
	var b strings.Builder
	for text := range strings.Lines(body) {
		b.WriteString(briefLine(t, []byte(text)))
	}
	return b.String()
}

func briefLine(t *testing.T, text []byte) string {
	t.Helper()
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if l.Error == "" && (!l.Time.Equal(atNoon) || l.Time.Location() != time.UTC) {
		t.Errorf("time %s", l.Time)
	}
	return fmt.Sprintf("%d %s %q %d %s\n", l.Attempt, l.Stream, l.Data, l.Omitted, l.Error)
}

func TestOutput(t *testing.T) {
	fake := someRuns()
	fake.chunks = []runner.Chunk{
		chunk(1, 1, runner.Stdout, "one\n", 0),
		chunk(1, 2, runner.Stderr, "<b>\xff\x1b[31m\n", 0),
		chunk(1, 3, runner.Gap, "", 1<<40),
		chunk(1, 4, runner.Stdout, "end\n", 0),
		chunk(2, 1, runner.Stdout, "again\n", 0),
	}
	p := openPrivate(t, fake, nil)
	want := `1 stdout "one\n" 0 
1 stderr "<b>\xff\x1b[31m\n" 0 
1 gap "" 1099511627776 
1 stdout "end\n" 0 
2 stdout "again\n" 0 
`
	for _, path := range []string{"/api/runs/42/output", "/api/runs/42/output?follow=1"} {
		a := p.ask(t, "GET", path)
		if got := brief(t, a.body); got != want {
			t.Errorf("%s: got\n%swant\n%s", path, got, want)
		}
		if a.header.Get("Content-Type") != "application/x-ndjson" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v", a.header)
		}
	}
	if len(fake.waiting) > 0 {
		t.Error("waits for changes of a run that has ended")
	}
	if first, _, _ := strings.Cut(p.ask(t, "GET", "/api/runs/42/output").body, "\n"); first != `{"attempt":1,"time":"2026-03-01T12:00:00.123456Z","stream":"stdout","data":"b25lCg=="}` {
		t.Errorf("first line: %s", first)
	}
	if a := p.ask(t, "GET", "/api/runs/43/output"); a.status != 200 || a.body != "" {
		t.Errorf("a run that has not begun: %+v", a)
	}
}

func TestDamagedOutput(t *testing.T) {
	fake := someRuns()
	bad := chunk(2, 1, runner.Stdout, "cut off", 0)
	bad.Data = bad.Data[:len(bad.Data)-3]
	fake.chunks = []runner.Chunk{chunk(1, 1, runner.Stdout, "good\n", 0), bad, chunk(2, 2, runner.Stdout, "never sent\n", 0)}
	p := openPrivate(t, fake, nil)
	got := brief(t, p.ask(t, "GET", "/api/runs/42/output").body)
	want := `1 stdout "good\n" 0 
2 error "" 0 output of run 42, attempt 2, chunk 1: is damaged: 7 bytes announced, 4 there
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// follower reads output while it comes.
type follower struct {
	t     *testing.T
	lines chan string // closed at the end
	leave context.CancelFunc
}

func follow(t *testing.T, c *http.Client, url string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t, make(chan string, 10), cancel}
	go func() {
		defer close(f.lines)
		defer resp.Body.Close()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			f.lines <- s.Text()
		}
	}()
	return f
}

func (f *follower) expect(want string) {
	f.t.Helper()
	line := within(f.t, want, f.lines)
	if line == "" {
		f.t.Fatalf("the output ends before %q", want)
	}
	if got := briefLine(f.t, []byte(line)); got != want+"\n" {
		f.t.Errorf("got %q, want %q", got, want)
	}
}

func (f *follower) expectEnd() {
	f.t.Helper()
	if line := within(f.t, "the end", f.lines); line != "" {
		f.t.Errorf("more comes: %s", line)
	}
}

func TestFollow(t *testing.T) {
	fake := someRuns()
	run := fake.runs[0]
	run.State, run.Attempt = runner.Queued, 0
	p := openPrivate(t, fake, nil)
	f := follow(t, p.server.Client(), p.server.URL+"/api/runs/42/output?follow")
	fake.update(func() { run.State, run.Attempt = runner.Running, 1 })
	fake.update(func() { fake.chunks = append(fake.chunks, chunk(1, 1, runner.Stdout, "one", 0)) })
	f.expect(`1 stdout "one" 0 `)
	fake.update(func() {
		fake.chunks = append(fake.chunks, chunk(1, 2, runner.Stdout, "two", 0), chunk(1, 3, runner.Stderr, "three", 0), chunk(1, 4, runner.Stdout, "four", 0))
	})
	f.expect(`1 stdout "two" 0 `)
	f.expect(`1 stderr "three" 0 `)
	f.expect(`1 stdout "four" 0 `)
	// The last of one attempt and the first of the next are stored between two looks.
	fake.update(func() {
		run.Attempt = 2
		fake.chunks = append(fake.chunks, chunk(1, 5, runner.Stdout, "last of the first", 0), chunk(2, 1, runner.Stdout, "first of the second", 0))
	})
	f.expect(`1 stdout "last of the first" 0 `)
	f.expect(`2 stdout "first of the second" 0 `)
	fake.update(func() {
		run.State = runner.Succeeded
		fake.chunks = append(fake.chunks, chunk(2, 2, runner.Stdout, "end", 0))
	})
	f.expect(`2 stdout "end" 0 `)
	f.expectEnd()
}

// watched is an API behind a door; ended gets one for each request that is over.
func watched(t *testing.T, fake *fakeRuns) (d *Door, ended chan struct{}) {
	t.Helper()
	api := NewAPI(APIConfig{Store: fake, Runner: fake})
	ended = make(chan struct{}, 1)
	d, _ = openDoor(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r)
		ended <- struct{}{}
	}), PrivateLimits)
	return d, ended
}

func TestFollowerLeaves(t *testing.T) {
	fake := someRuns()
	fake.runs[0].State = runner.Running
	d, ended := watched(t, fake)
	f := follow(t, client(t, d.Address()), "http://hooktender/api/runs/42/output?follow")
	within(t, "waiting for a change", fake.waiting)
	f.leave()
	within(t, "the end of the handler", ended)
}

// A follower waits for what others do; when the server ends it must not be
// waited for.
func TestFollowerEndsWithTheDoor(t *testing.T) {
	fake := someRuns()
	fake.runs[0].State = runner.Running
	d, ended := watched(t, fake)
	f := follow(t, client(t, d.Address()), "http://hooktender/api/runs/42/output?follow")
	within(t, "waiting for a change", fake.waiting)
	d.Close(context.Background())
	within(t, "the end of the handler", ended)
	f.expectEnd()
}

func TestFollowErrors(t *testing.T) {
	fake := someRuns()
	fake.runs[0].State, fake.runs[0].Attempt = runner.Running, 1
	p := openPrivate(t, fake, nil)
	f := follow(t, p.server.Client(), p.server.URL+"/api/runs/42/output?follow")
	within(t, "waiting for a change", fake.waiting)
	fake.update(func() { fake.runs = nil })
	f.expect(`1 error "" 0 no run 42`)
	f.expectEnd()
}
