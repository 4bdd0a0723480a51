package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const secret = "s3cr3t-of-the-test"

func client(t *testing.T) *Client {
	t.Helper()
	c := New("hooktender/test")
	t.Cleanup(c.Close)
	return c
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

var near = Policy{Private: true, Limit: 1 << 10}

func TestAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Agent", r.UserAgent())
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
	}))
	defer s.Close()
	a, err := client(t).Do(t.Context(), request(t, http.MethodPost, s.URL, "hello"), near)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != http.StatusTeapot || string(a.Body) != "hello" || a.Cut || a.Took <= 0 || a.Header.Get("X-Agent") != "hooktender/test" {
		t.Errorf("%+v", a)
	}
	req := request(t, http.MethodGet, s.URL, "")
	req.Header.Set("User-Agent", "mine")
	if a, err = client(t).Do(t.Context(), req, near); err != nil || a.Header.Get("X-Agent") != "mine" {
		t.Errorf("%v, %v", a, err)
	}
}

func TestLimit(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "0123456789")
	}))
	defer s.Close()
	for _, c := range []struct {
		limit int64
		body  string
		cut   bool
	}{{11, "0123456789", false}, {10, "0123456789", false}, {9, "012345678", true}, {0, "", true}} {
		a, err := client(t).Do(t.Context(), request(t, http.MethodGet, s.URL, ""), Policy{Private: true, Limit: c.limit})
		if err != nil || string(a.Body) != c.body || a.Cut != c.cut {
			t.Errorf("limit %d: %+v, %v", c.limit, a, err)
		}
	}
}

// TestBomb: a small answer that unpacks to very much is cut like any other.
func TestBomb(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	chunk := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	defer s.Close()
	a, err := client(t).Do(t.Context(), request(t, http.MethodGet, s.URL, ""), Policy{Private: true, Limit: 1000})
	if err != nil || len(a.Body) != 1000 || !a.Cut {
		t.Errorf("%d bytes, cut %v, %v", len(a.Body), a.Cut, err)
	}
	if len(a.Body) > 0 && a.Body[0] != 0 {
		t.Error("it was not unpacked")
	}
}

func TestTime(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-gone
	}))
	defer s.Close()
	defer close(gone)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client(t).Do(ctx, request(t, http.MethodGet, s.URL+"/?"+secret, ""), near)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), secret) {
		t.Errorf("an answer that does not end: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := client(t).Do(ctx, request(t, http.MethodGet, s.URL, ""), near); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestErrorsHoldNoURL: where a request goes may be a secret.
func TestErrorsHoldNoURL(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/nonsense":
			w.Header().Set("Location", "http://[::"+secret)
			w.WriteHeader(http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "ftp://user:"+secret+"@example.com/"+secret, http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "10")
		}
	}))
	defer s.Close()
	refused := httptest.NewServer(nil)
	refused.Close()
	for _, url := range []string{
		refused.URL + "/" + secret, s.URL + "/nonsense", s.URL + "/elsewhere", s.URL + "/cut?" + secret,
		strings.Replace(s.URL, "http:", "https:", 1) + "/" + secret, "http://user:" + secret + "@name.invalid/" + secret,
		"gopher://example.com/" + secret,
	} {
		p := near
		p.Redirects = 5
		_, err := client(t).Do(t.Context(), request(t, http.MethodGet, url, ""), p)
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "://") {
			t.Errorf("%s: %v", strings.ReplaceAll(url, secret, "…"), err)
		}
	}
}
