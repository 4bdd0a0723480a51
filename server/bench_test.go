package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// quickStore keeps nothing.
type quickStore struct {
	RunReader
	Control
}

func (quickStore) Holder(runner.Conn) (int64, bool) { return 0, false }
func (quickStore) Record(d *rules.Delivery)         { d.ID = 1 }
func (quickStore) Accept(_ context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	d.ID = 1
	for i, r := range runs {
		r.ID = int64(i + 1)
	}
	return runner.Displaced{}, nil
}
func (quickStore) RunsOf(context.Context, []int64) (map[int64][]*runner.Run, error) { return nil, nil }
func (quickStore) Reserve([]*runner.Run) func()                                     { return func() {} }
func (quickStore) Enqueue(...*runner.Run)                                           {}
func (quickStore) Displace(runner.Displaced)                                        {}
func (quickStore) Full(string) bool                                                 { return false }
func (quickStore) Named(string) int64                                               { return 0 }

// quickWriter is an answer that nobody reads.
type quickWriter struct {
	header http.Header
	status int
}

func (w *quickWriter) Header() http.Header         { return w.header }
func (w *quickWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *quickWriter) WriteHeader(status int)      { w.status = status }

// BenchmarkIntake is a GitHub push of 7 KB from the first byte that net/http has
// read to the answer, without socket and disk.
func BenchmarkIntake(b *testing.B) {
	push, err := os.ReadFile("../cmd/hooktender/payloads/github/push.json")
	if err != nil {
		b.Fatal(err)
	}
	config := load(b, `
hooks:
  /nothing:
    verify: {github: `+theSecret+`}
    rules: [{name: r, when: 'request.event == "push" && ref == "refs/heads/never"', run: "true"}]
  /fires:
    verify: {github: `+theSecret+`}
    rules:
      - name: redeploy
        when: 'request.event == "push" && ref == "refs/heads/master"'
        run: ./deploy.sh "$COMMIT"
        env: {COMMIT: "{{ after }}"}
`)
	in := NewIntake(quickStore{}, quickStore{}, slog.New(slog.DiscardHandler))
	in.Use(config)
	good := githubSignature(theSecret, string(push))
	for _, c := range []struct {
		name, path, signature string
		status                int
	}{
		{"fires nothing", "/nothing", good, 200},
		{"fires", "/fires", good, 202},
		{"bad signature", "/fires", githubSignature("wrong", string(push)), 401},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("POST", c.path, nil)
			for name, value := range githubHeader(c.signature) {
				r.Header.Set(name, value)
			}
			body := bytes.NewReader(push)
			r.Body, r.ContentLength = io.NopCloser(body), int64(len(push))
			w := &quickWriter{}
			b.SetBytes(int64(len(push)))
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(push)
				w.header = make(http.Header, 4)
				in.ServeHTTP(w, r)
			}
			if w.status != c.status {
				b.Errorf("answered %d", w.status)
			}
		})
	}
}

func githubHeader(signature string) map[string]string {
	return map[string]string{
		"Accept": "*/*", "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd",
		"X-Github-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-Github-Event": "push", "X-Github-Hook-Id": "292430182",
		"X-Github-Hook-Installation-Target-Id": "79929171", "X-Github-Hook-Installation-Target-Type": "repository",
		"X-Hub-Signature-256": signature,
	}
}
