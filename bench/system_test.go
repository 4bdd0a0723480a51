package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody can start a peer here, so at least its file is one that it could read.
func TestPeerConfiguration(t *testing.T) {
	dir := t.TempDir()
	cmd, err := webhook{"/bin/true"}.command(dir, "127.0.0.1:9000", workload{hooks: 2, command: []string{"/bin/sh", "-c", `echo "hi"`}, output: true})
	if err != nil || strings.Join(cmd.Args, " ") != "/bin/true -ip 127.0.0.1 -port 9000 -hooks "+filepath.Join(dir, "webhook.json") {
		t.Fatal(cmd, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "webhook.json"))
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID        string                  `json:"id"`
		Program   string                  `json:"execute-command"`
		Arguments []struct{ Name string } `json:"pass-arguments-to-command"`
		Output    bool                    `json:"include-command-output-in-response"`
	}
	if err := json.Unmarshal(text, &hooks); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(hooks) != 2 || hooks[1].ID != "1" || hooks[1].Program != "/bin/sh" || !hooks[1].Output ||
		len(hooks[1].Arguments) != 2 || hooks[1].Arguments[1].Name != `echo "hi"` {
		t.Errorf("%+v", hooks)
	}
	for _, w := range []workload{{hooks: 1, held: true}, {hooks: 1, state: "/somewhere"}} {
		if _, err := (webhook{}).command(dir, "127.0.0.1:9000", w); err != errCannot {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// A load sends as many as it is told, and counts only what was answered as it
// should be.
func TestLoad(t *testing.T) {
	var asked atomic.Int64
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); n%5 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer door.Close()
	for _, fresh := range []bool{false, true} {
		asked.Store(0)
		l := load{server: &process{system: bare{}, work: one, address: door.Listener.Addr().String()},
			kind: fired, body: []byte(`{}`), senders: 4, fresh: fresh, time: time.Minute, count: 50}
		result, err := l.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if asked.Load() != 50 || result.answered != 40 || result.errors != 10 || len(result.latency) != 40 || !strings.Contains(result.example, "the answer is 503") {
			t.Errorf("asked %d: %d answered, %d errors (%s)", asked.Load(), result.answered, result.errors, result.example)
		}
	}
}

// A load that may be refused counts that apart, and one with a rate keeps to it
// whatever the answers are: here each comes late.
func TestLoadThatIsRefused(t *testing.T) {
	var asked atomic.Int64
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); n%5 == 0 {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer door.Close()
	l := load{server: &process{system: bare{}, work: one, address: door.Listener.Addr().String()},
		kind: fired, body: []byte(`{}`), senders: 4, time: time.Minute, count: 50, refused: true}
	result, err := l.run(t.Context())
	if err != nil || result.answered != 40 || result.inTime != 40 || result.refused != 10 || result.errors != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		next := load{senders: 4, rate: 2}.pace(began, 3) // one in two seconds, the first after 1.5
		for i, work := range []time.Duration{time.Second, 5 * time.Second, 0, 0, 0} {
			due, want := next().Sub(began), 1500*time.Millisecond+time.Duration(i)*2*time.Second
			if due != want {
				t.Errorf("request %d counts from %v, want %v", i, due, want)
			}
			time.Sleep(work)
		}
		if took := time.Since(began); took != 9500*time.Millisecond {
			t.Errorf("the last was sent after %v", took)
		}
	})
}

func TestLoadThatNobodyAnswers(t *testing.T) {
	door := httptest.NewServer(http.NotFoundHandler())
	defer door.Close()
	l := load{server: &process{system: bare{}, work: one, address: door.Listener.Addr().String()}, kind: fired, body: []byte(`{}`), senders: 2, time: time.Minute}
	if _, err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), "the answer is 404") {
		t.Error(err)
	}
}
