package watch

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/outbound"
)

// visitor is a watcher that sends real requests.
func visitor(t *testing.T) *Watcher {
	web := outbound.New("hooktender/test")
	t.Cleanup(web.Close)
	return New(Config{Client: web, Log: discard})
}

// visitOne looks at the only website of a check.
func visitOne(t *testing.T, url, settings string) visit {
	t.Helper()
	set := load(t, fmt.Sprintf(`watch: {w: {check: {urls: [%q], %s}, rules: [{run: make}]}}`, url, settings))
	check := set.Watches()[0].Check
	return visitor(t).visit(t.Context(), check, check.URLs[0])
}

// certified is an HTTPS server whose certificate is valid between two times.
func certified(t *testing.T, from, until time.Time, names ...string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

func TestVisit(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "7")
		fmt.Fprint(w, "Welcome, ", r.Method, " ", r.Header.Get("X-Key"), " ", r.UserAgent())
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusMovedPermanently) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/inside", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost"+r.Host[strings.LastIndex(r.Host, ":"):]+"/ok", http.StatusFound)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "x")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	defer close(hang)
	day := 24 * time.Hour
	at := time.Now()
	for name, c := range map[string]struct {
		url, settings string
		code          int
		failure       string
	}{
		"good":               {s.URL + "/ok", "", 200, ""},
		"headers go along":   {s.URL + "/ok", `headers: {X-Key: abc}, match: "Welcome, GET abc hooktender/test"`, 200, ""},
		"HEAD":               {s.URL + "/ok", `method: HEAD, expect: 'headers["x-version"] == "7" && body == ""'`, 200, ""},
		"no match":           {s.URL + "/ok", `match: ^Goodbye`, 200, `answered 200, but the body does not match "^Goodbye"`},
		"not as expected":    {s.URL + "/ok", `expect: code == 204`, 200, "answered 200 after 0 ms, and not as expected: code == 204"},
		"broken":             {s.URL + "/broken", "", 500, "answered 500 Internal Server Error"},
		"broken is expected": {s.URL + "/broken", "expect: code == 500", 500, ""},
		"slow":               {s.URL + "/slow", "timeout: 50ms", 0, "no answer in 50ms"},
		"moved":              {s.URL + "/moved", `match: Welcome`, 200, ""},
		"not followed":       {s.URL + "/moved", `follow: false, expect: 'code == 301 && headers.Location == "/ok"'`, 301, ""},
		"redirects for ever": {s.URL + "/loop", "", 302, "redirects more than 10 times"},
		"redirects inside":   {s.URL + "/inside", "", 0, "a redirect leads to a private network, and is not followed"},
		"cut off":            {s.URL + "/cut", "", 0, "the connection was closed before the answer was complete"},
		"refused":            {closed(t), "", 0, "connection refused"},
		"no such host":       {"http://nothing.invalid", "", 0, ""}, // no network: what is said differs
		"no TLS there":       {strings.Replace(s.URL, "http:", "https:", 1), "", 0, "it does not speak TLS; is it http:// that is meant?"},
		"expired":            {certified(t, at.Add(-90*day), at.Add(-3*day-time.Hour), "localhost"), "", 0, "the certificate expired 3 days ago, on " + at.Add(-3*day-time.Hour).UTC().Format(time.DateOnly)},
		"not valid yet":      {certified(t, at.Add(3*day), at.Add(90*day), "localhost"), "", 0, "the certificate is valid only from " + at.Add(3*day).UTC().Format(time.DateOnly) + " on"},
		"nobody's":           {strings.Replace(certified(t, at.Add(-day), at.Add(30*day+time.Hour), "localhost"), "127.0.0.1", "localhost", 1), "", 0, "the certificate is signed by nobody who is trusted here"},
	} {
		t.Run(name, func(t *testing.T) {
			got := visitOne(t, c.url, c.settings)
			failure := got.failure
			if i := strings.Index(failure, " ms, and"); i > 0 { // a timing says nothing
				failure = "answered 200 after 0" + failure[i:]
			}
			if name == "no such host" {
				if failure == "" || strings.Contains(failure, "http") {
					t.Errorf("%q", failure)
				}
				return
			}
			if got.code != c.code || failure != c.failure {
				t.Errorf("%d %q, want %d %q", got.code, got.failure, c.code, c.failure)
			}
			days := map[string]int{"expired": -4, "not valid yet": 89, "nobody's": 30}
			if want, ok := days[name]; ok && *daysUntil(got.validUntil, time.Now()) != want {
				t.Errorf("valid until %v, want %d days", got.validUntil, want)
			}
		})
	}
}

// A website is looked at as somebody sees it who comes now: a connection from the
// look before, which still works, says nothing.
func TestEachLookConnects(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	}))
	defer s.Close()
	check := load(t, fmt.Sprintf(`watch: {w: {check: {urls: ["%s/moved"]}, rules: [{run: make}]}}`, s.URL)).Watches()[0].Check
	v := visitor(t)
	if got := v.visit(t.Context(), check, check.URLs[0]); got.failure != "" {
		t.Fatal(got.failure)
	}
	s.Listener.Close()
	if got := v.visit(t.Context(), check, check.URLs[0]); got.failure != "connection refused" {
		t.Errorf("nobody listens any more: %q", got.failure)
	}
}

// No error holds what a URL has in it that may be secret.
func TestNoSecretInErrors(t *testing.T) {
	t.Setenv("KEY", "s3cret")
	base := strings.TrimPrefix(closed(t), "http://")
	for _, url := range []string{"http://u:s3cret@" + base + "/?key=s3cret", "http://" + base + "/${env:KEY}/x", "https://s3cret:x@" + base, "http://s3cret.invalid?${env:KEY}"} {
		set := load(t, fmt.Sprintf(`watch: {w: {check: {urls: [%q]}, rules: [{run: make}]}}`, url))
		check := set.Watches()[0].Check
		got := visitor(t).visit(t.Context(), check, check.URLs[0])
		shown := fmt.Sprintf("%v %+v %s", check.URLs[0], check.URLs[0], check.URLs[0].Shown)
		if got.failure == "" || strings.Contains(got.failure, "s3cret") && !strings.Contains(url, "s3cret.invalid") || strings.Contains(strings.ReplaceAll(shown, "s3cret.invalid", ""), "s3cret") {
			t.Errorf("%s: %q, %s", url, got.failure, shown)
		}
	}
}

// ETag and Last-Modified are sent back as they came, and 304 is no event.
func TestPollWithETag(t *testing.T) {
	var conditions []string
	body, tag := `{"v":1}`, `"one"`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conditions = append(conditions, r.Header.Get("If-None-Match")+" "+r.Header.Get("If-Modified-Since"))
		w.Header().Set("Etag", tag)
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, body)
	}))
	defer s.Close()
	set := load(t, fmt.Sprintf(`watch: {w: {poll: {url: %q}, rules: [{run: make}]}}`, s.URL))
	p := &poll{watcher: visitor(t), watch: set.Watches()[0]}
	var got []string
	for i, next := range []string{`<v>1</v>`, "", `<v>2</v>`, ""} {
		if next != "" {
			body, tag = next, fmt.Sprintf(`"%d"`, i)
		}
		events, err := p.look(context.Background(), time.Now())
		if err != nil || p.error != "" {
			t.Fatal(err, p.error)
		}
		for _, e := range events {
			got = append(got, string(e.Body)+" "+e.Type)
		}
	}
	if want := "[<v>1</v> application/xml <v>2</v> application/xml]"; fmt.Sprint(got) != want {
		t.Errorf("%q", got)
	}
	const modified = "Wed, 21 Oct 2015 07:28:00 GMT"
	if want := []string{" ", `"0" ` + modified, `"0" ` + modified, `"2" ` + modified}; fmt.Sprint(conditions) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", conditions, want)
	}
}

// An answer that is larger than a request may be is none.
func TestPollOfTooMuch(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"x":"`, strings.Repeat("x", 2000), `"}`)
	}))
	defer s.Close()
	set := load(t, fmt.Sprintf(`{server: {max_body: 1KiB}, watch: {w: {poll: {url: %q}, rules: [{run: make}]}}}`, s.URL))
	p := &poll{watcher: visitor(t), watch: set.Watches()[0]}
	if events, err := p.look(t.Context(), time.Now()); err != nil || len(events) != 0 || p.error != "the answer is larger than 1024 bytes (server.max_body)" {
		t.Errorf("%v, %v, %q", events, err, p.error)
	}
}
