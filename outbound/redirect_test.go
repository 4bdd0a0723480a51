package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// chain answers /n with a redirect to /n-1, and /0 with what came.
func chain(w http.ResponseWriter, r *http.Request) {
	if n, _ := strconv.Atoi(r.URL.Path[1:]); n > 0 {
		http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %q", r.Method, r.Header.Get("Authorization"), r.Header.Get("X-Signature"), body)
}

func TestRedirects(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(chain))
	defer s.Close()
	for _, c := range []struct{ hops, follow, status int }{
		{0, 0, 200}, {1, 0, 302}, {1, 1, 200}, {3, 2, 302}, {3, 3, 200}, {12, 12, 200},
	} {
		p := Policy{Private: true, Anywhere: true, Redirects: c.follow, Limit: 1000}
		a, err := client(t).Do(t.Context(), request(t, http.MethodGet, fmt.Sprintf("%s/%d", s.URL, c.hops), ""), p)
		if err != nil || a.Status != c.status {
			t.Errorf("%d redirects, %d followed: %v, %v", c.hops, c.follow, a, err)
		}
	}
}

// TestRedirectToPrivate: what a stranger answers cannot make this machine its
// target, not even where the operator's own URL could be.
func TestRedirectToPrivate(t *testing.T) {
	reached := false
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inner.Close()
	outer := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusFound))
	defer outer.Close()
	_, err := client(t).Do(t.Context(), request(t, http.MethodGet, outer.URL, ""), Policy{Private: true, Redirects: 3})
	if !errors.Is(err, ErrPrivate) || reached {
		t.Errorf("%v, reached: %v", err, reached)
	}
	if _, err := client(t).Do(t.Context(), request(t, http.MethodGet, outer.URL, ""), Policy{Private: true, Anywhere: true, Redirects: 3}); err != nil || !reached {
		t.Errorf("anywhere: %v, reached: %v", err, reached)
	}
}

// TestRedirectElsewhere: another host gets nothing that was meant for the first.
func TestRedirectElsewhere(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		http.Redirect(w, r, other.URL, status)
	}))
	defer s.Close()
	p := Policy{Private: true, Anywhere: true, Redirects: 3, Limit: 1000}
	send := func(method, path, body string) *Answer {
		got = nil
		req := request(t, method, s.URL+path+"?key="+secret, body)
		for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "Idempotency-Key", "Content-Type"} {
			req.Header.Set(name, secret)
		}
		a, err := client(t).Do(t.Context(), req, p)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, path := range []string{"/302", "/303", "/307", "/308"} {
		if send(http.MethodGet, path, ""); got == nil || strings.Contains(fmt.Sprint(got), secret) {
			t.Errorf("GET %s: the other host got %v", path, got)
		}
	}
	if send(http.MethodPost, "/303", "body"); got == nil || strings.Contains(fmt.Sprint(got), secret) {
		t.Errorf("POST that becomes a GET: the other host got %v", got)
	}
	if a := send(http.MethodPost, "/307", "body"); got != nil || a.Status != 307 {
		t.Errorf("the body went to another host: %d, %v", a.Status, got)
	}
}

// TestRedirectOnTheSameHost keeps what was sent, the body of a 307 too.
func TestRedirectOnTheSameHost(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", chain)
	mux.Handle("/307", http.RedirectHandler("/0", http.StatusTemporaryRedirect))
	s := httptest.NewServer(mux)
	defer s.Close()
	req := request(t, http.MethodPost, s.URL+"/307", "body")
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("X-Signature", "y")
	a, err := client(t).Do(t.Context(), req, Policy{Private: true, Anywhere: true, Redirects: 1, Limit: 1000})
	if err != nil || string(a.Body) != `POST Bearer x y "body"` {
		t.Errorf("%s, %v", a.Body, err)
	}
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"https://a.example/x", "https://a.example/y", true},
		{"https://a.example", "https://a.example:443/", true},
		{"http://a.example", "https://a.example/", true}, // as hosts ask for
		{"https://a.example", "http://a.example/", false},
		{"https://a.example", "https://a.example:8443/", false},
		{"http://a.example:8080", "https://a.example/", false},
		{"https://a.example", "https://b.example/", false},
		{"https://a.example", "https://x.a.example/", false},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		if got := sameHost(from, to); got != c.same {
			t.Errorf("%s → %s: %v", c.from, c.to, got)
		}
	}
}
