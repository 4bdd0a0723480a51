package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
	"github.com/hooktender/hooktender/store"
)

// A step is one part of the way of an event. make prepares it and returns what
// does it once.
type step struct {
	name  string
	make  func(testing.TB) func()
	spare float64 // how much more it may allocate elsewhere, as a share; 0: hardly any
}

// processes are looked for in ways that the system's kernel decides.
const processes = 1

// steps are in the order of docs/architecture.md.
var steps = []step{
	{name: "read", make: func(t testing.TB) func() { return through(t, "/token", http.StatusUnauthorized) }}, // and refuse: nothing else is done with it
	{name: "verify", make: verifying},
	{name: "extract", make: func(t testing.TB) func() { return evaluating(t, "/wide", readPush(t), 0) }},
	{name: "decide", make: func(t testing.TB) func() {
		return evaluating(t, "/decides", []byte(`{"ref": "refs/heads/master", "after": "0d1a26e6"}`), 1)
	}},
	{name: "record", make: recording},
	{name: "accept", make: accepting},
	{name: "spawn", make: func(t testing.TB) func() { return running(t, "/bin/true") }, spare: processes},
	{name: "output", make: func(t testing.TB) func() { return running(t, "/bin/cat", pushPath(t)) }, spare: processes},
	{name: "nothing fires", make: func(t testing.TB) func() { return through(t, "/never", http.StatusOK) }},
	{name: "fires", make: func(t testing.TB) func() { return through(t, "/decides", http.StatusAccepted) }},
}

const stepsConfig = `
hooks:
  /token: {verify: {bearer: "${env:SECRET}"}, rules: [{name: r, run: "true"}]}
  /never:
    verify: {github: "${env:SECRET}"}
    rules: [{name: r, when: 'request.event == "push" && ref == "refs/heads/never"', run: "true"}]
  /wide:
    verify: {github: "${env:SECRET}"}
    rules:
      - name: r
        when: ref == "refs/heads/master" && repository.full_name != "" && head_commit.id != "" && pusher.name != "" && forced
        run: "true"
  /decides:
    verify: {github: "${env:SECRET}"}
    rules:
      - {name: tag, when: tag() != nil, run: "true"}
      - {name: branch, when: branch() == "never", run: "true"}
      - name: redeploy
        when: request.event == "push" && ref == "refs/heads/master"
        run: ./deploy.sh "$COMMIT"
        env: {COMMIT: "{{ after }}"}
        timeout: 15m
`

// BenchmarkSteps tells time and memory of each step:
//
//	go test ./bench -run - -bench Steps -count 10
func BenchmarkSteps(b *testing.B) {
	for _, s := range steps {
		b.Run(strings.ReplaceAll(s.name, " ", "_"), func(b *testing.B) {
			do := s.make(b)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

func configuration(t testing.TB) *rules.Config {
	t.Helper()
	switch t := t.(type) {
	case *testing.T:
		t.Setenv("SECRET", secret)
	case *testing.B:
		t.Setenv("SECRET", secret)
	}
	file := filepath.Join(t.TempDir(), "hooktender.yaml")
	if err := os.WriteFile(file, []byte(stepsConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := rules.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func pushPath(t testing.TB) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", pushFile))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func readPush(t testing.TB) []byte {
	t.Helper()
	push, err := os.ReadFile(pushPath(t))
	if err != nil {
		t.Fatal(err)
	}
	return push
}

// pushTo is GitHub's push as net/http hands it on.
func pushTo(path string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	for name, value := range map[string]string{
		"Accept": "*/*", "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd",
		"X-Github-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-Github-Event": "push", "X-Github-Hook-Id": "292430182",
		"X-Hub-Signature-256": signature(secret, body),
	} {
		r.Header.Set(name, value)
	}
	r.ContentLength = int64(len(body))
	return r
}

// through is a push on its way through the door, without socket and disk.
func through(t testing.TB, path string, status int) func() {
	in := server.NewIntake(forgetful{}, forgetful{}, slog.New(slog.DiscardHandler))
	in.Use(configuration(t))
	push := readPush(t)
	r, body, w := pushTo(path, push), bytes.NewReader(push), &nobody{}
	r.Body = io.NopCloser(body)
	return func() {
		body.Reset(push)
		w.header = make(http.Header, 4)
		in.ServeHTTP(w, r)
		if w.status != status {
			t.Fatalf("%s: answered %d", path, w.status)
		}
	}
}

// hookAt returns a hook, and what makes requests for it.
func hookAt(t testing.TB, path string, body []byte) (*rules.Hook, func() *rules.Request) {
	header := pushTo(path, body).Header
	for _, hook := range configuration(t).Set.Hooks() {
		if hook.Path == path {
			return hook, func() *rules.Request {
				return &rules.Request{Hook: path, Method: http.MethodPost, Path: path, Header: header, Body: body, ReceivedAt: time.Now()}
			}
		}
	}
	t.Fatal("no hook ", path)
	return nil, nil
}

func verifying(t testing.TB) func() {
	hook, request := hookAt(t, "/never", readPush(t))
	return func() {
		if err := hook.Verify(request(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func evaluating(t testing.TB, path string, body []byte, fires int) func() {
	hook, request := hookAt(t, path, body)
	return func() {
		r := request()
		r.Event = "push"
		if _, actions, err := hook.Evaluate(r); err != nil || len(actions) != fires {
			t.Fatal(len(actions), err)
		}
	}
}

func openStore(t testing.TB) *store.Store {
	s, err := store.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func arrived(push []byte, verdict rules.Verdict) *rules.Delivery {
	return &rules.Delivery{
		Hook: "/decides", ReceivedAt: time.Now(), RemoteIP: "192.0.2.7", Method: http.MethodPost, Path: "/decides", Event: "push", Verdict: verdict,
		Header: http.Header{"Content-Type": {"application/json"}}, Decisions: []rules.Decision{{Rule: "redeploy", Matched: verdict == rules.Accepted}},
		Size: int64(len(push)), Body: push,
	}
}

// recording is what a request pays that fires nothing; the writer behind it is in
// it, too.
func recording(t testing.TB) func() {
	s, push := openStore(t), readPush(t)
	return func() { s.Record(arrived(push, rules.Ignored)) }
}

func accepting(t testing.TB) func() {
	s, push := openStore(t), readPush(t)
	return func() {
		d := arrived(push, rules.Accepted)
		run := &runner.Run{Hook: d.Hook, Rule: "redeploy", Action: rules.ActionRun, State: runner.Queued, QueuedAt: d.ReceivedAt,
			Command: &rules.Command{Script: "./deploy.sh"}}
		if _, err := s.Accept(t.Context(), d, []*runner.Run{run}); err != nil || run.ID == 0 {
			t.Fatal(run.ID, err)
		}
	}
}

// running is a run from the queue to its end, on a store that only says so.
func running(t testing.TB, words ...string) func() {
	var argv []rules.Text
	for _, word := range words {
		argv = append(argv, rules.Plain(word))
	}
	s := &ending{ended: make(chan runner.Run)}
	run, err := runner.New(runner.Config{
		Store: s, Dir: t.TempDir(), MaxRunning: 1, MaxQueued: 10, Log: slog.New(slog.DiscardHandler),
		Secret: func(rules.Reference) (rules.Secret, error) { return "", fs.ErrNotExist },
		Mask:   func() *runner.Mask { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(t.Context())
	var reaper sync.WaitGroup
	reaper.Go(func() { runner.Reap(life, slog.New(slog.DiscardHandler)) }) // as the server does
	t.Cleanup(func() {
		run.Stop(context.Background())
		end()
		reaper.Wait()
	})
	var last atomic.Int64
	return func() {
		id := last.Add(1)
		run.Enqueue(&runner.Run{ID: id, Delivery: id, Hook: "/decides", Rule: "redeploy", Action: rules.ActionRun, State: runner.Queued, QueuedAt: time.Now(),
			Event: "push", Command: &rules.Command{Argv: argv, Dir: "/", Timeout: rules.Duration(time.Minute), OutputLimit: 1 << 20}})
		if end := <-s.ended; end.State != runner.Succeeded {
			t.Fatal(fmt.Sprint(end.State, ": ", end.Error))
		}
	}
}
