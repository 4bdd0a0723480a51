package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A publisher answers as a provider does; each answer has a number.
type publisher struct {
	mu     sync.Mutex
	asked  int
	body   func(n int) string
	status int
	err    error
	wait   bool // until nobody wants the answer any more
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	if p.wait {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if p.err != nil {
		return nil, p.err
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%d %s %s", p.asked, r.Method, sent)
	if p.body != nil {
		text = p.body(p.asked)
	}
	status := p.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://example.com/else"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func TestKeysAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		k := newKeys(p)
		d := rules.Document{URL: "https://example.com/keys"}
		fetch := func(again bool, want string, asked int) {
			t.Helper()
			data, err := k.Fetch(d, again)
			if err != nil || string(data) != want || p.asked != asked {
				t.Errorf("got %q, %v after asking %d times; want %q after %d", data, err, p.asked, want, asked)
			}
		}
		fetch(false, "1 GET ", 1)
		fetch(false, "1 GET ", 1)
		fetch(true, "1 GET ", 1) // a moment ago: strangers cannot make us ask on and on
		time.Sleep(keysAgain)
		fetch(true, "2 GET ", 2)
		time.Sleep(keysFresh)
		fetch(false, "3 GET ", 3)

		p.err = errors.New("down")
		time.Sleep(keysFresh)
		fetch(false, "3 GET ", 4) // the old one still counts
		fetch(false, "3 GET ", 4)
		time.Sleep(keysStale)
		if _, err := k.Fetch(d, false); err == nil || !strings.Contains(err.Error(), "down") {
			t.Errorf("a day later: %v", err)
		}
		p.err = nil
		if _, err := k.Fetch(d, false); err == nil || p.asked != 5 {
			t.Errorf("asked again at once: %v", err)
		}
		time.Sleep(keysFailed)
		fetch(false, "6 GET ", 6)

		d.Post = `{"secret":"s3cr3t"}`
		fetch(false, `7 POST {"secret":"s3cr3t"}`, 7)
	})
}

func TestKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name string
			p    *publisher
			url  string
			want string
		}{
			{"a redirect", &publisher{status: http.StatusFound}, "https://example.com/s3cr3t", "the answer is 302"},
			{"not found", &publisher{status: http.StatusNotFound}, "https://example.com/s3cr3t", "the answer is 404"},
			{"too large", &publisher{body: func(int) string { return strings.Repeat("a", keysSize+1) }}, "https://example.com/s3cr3t", "more than 262144 bytes"},
			{"too slow", &publisher{wait: true}, "https://example.com/s3cr3t", "context deadline exceeded"},
			{"without TLS", &publisher{}, "http://example.com/s3cr3t", "only https"},
		} {
			_, err := newKeys(c.p).Fetch(rules.Document{URL: c.url}, false)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}

		slow := &publisher{wait: true}
		k := newKeys(slow)
		for n := range keysAtOnce {
			go func() { _, _ = k.Fetch(rules.Document{URL: fmt.Sprintf("https://example.com/%d", n)}, false) }()
		}
		synctest.Wait()
		if _, err := k.Fetch(rules.Document{URL: "https://example.com/more"}, false); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Errorf("one more at once: %v", err)
		}
		time.Sleep(keysWithin)

		k = newKeys(&publisher{})
		for n := range 2 * keysEntries {
			if _, err := k.Fetch(rules.Document{URL: fmt.Sprintf("https://example.com/%d", n)}, false); err != nil {
				t.Fatal(err)
			}
		}
		if len(k.kept) > keysEntries {
			t.Errorf("%d are kept", len(k.kept))
		}
	})
}
