package call

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is what each reference of the tests stands for. It must never be seen.
const secret = "s3cr3t-of-the-test"

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A received request is what a stand-in got.
type received struct {
	*http.Request
	body string
}

// standIn answers every request by answer, and keeps what came.
func standIn(t *testing.T, answer http.HandlerFunc) (url string, got *[]received) {
	t.Helper()
	got = &[]received{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = append(*got, received{r, string(body)})
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func answer(status int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// perform performs a command once. Secrets are looked for in all that comes of it.
func perform(t *testing.T, command *rules.Command, body string) (output string, failed *runner.PerformError) {
	t.Helper()
	return performRun(t, t.Context(), &runner.Run{ID: 17, Delivery: 5, Hook: "/in", Rule: "r", QueuedAt: clock, Attempt: 1, Command: command}, body)
}

func performRun(t *testing.T, ctx context.Context, run *runner.Run, body string) (string, *runner.PerformError) {
	t.Helper()
	client := outbound.New("hooktender/test")
	defer client.Close()
	p := New(client, func(run int64) string { return "" })
	p.now = func() time.Time { return clock }
	return performBy(t, ctx, p, run, body)
}

func performBy(t *testing.T, ctx context.Context, p *Performer, run *runner.Run, body string) (string, *runner.PerformError) {
	t.Helper()
	var output bytes.Buffer
	err := p.Perform(ctx, &runner.Job{
		Run: run, Sender: "17@here", Output: &output,
		Reveal: func(text rules.Text) (string, error) {
			s := ""
			for _, part := range text {
				switch part.Ref {
				case "":
					s += part.Literal
				case "env:GONE":
					return "", errors.New("${env:GONE}: the environment variable GONE is not set")
				case "env:LINES":
					s += secret + "\nX-Evil: 1"
				default:
					s += secret
				}
			}
			return s, nil
		},
		Body: func(context.Context) ([]byte, error) { return []byte(body), nil },
	})
	if strings.Contains(output.String(), secret) || err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("a secret is seen:\n%s\n%v", output.String(), err)
	}
	if err == nil {
		return output.String(), nil
	}
	failed, ok := errors.AsType[*runner.PerformError](err)
	if !ok {
		failed = &runner.PerformError{Err: err}
	}
	return output.String(), failed
}

var token = rules.Text{{Ref: "env:TOKEN"}}
