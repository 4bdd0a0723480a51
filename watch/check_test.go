package watch

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/outbound"
)

const website = `
watch:
  web:
    check: {urls: ["https://example.com/a?key=s3cret"], repeats: %s}
    rules: [{run: make}]
`

// lookAt looks at a website once a minute: + is up, - is down, R is a restart.
// It returns what was told of each look.
func lookAt(t *testing.T, repeats, looks string) (told []string) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := load(t, fmt.Sprintf(website, repeats))
		watcher := w.start(set)
		for _, look := range looks {
			w.set(func() {
				w.answers = func(*http.Request) (*outbound.Answer, error) {
					if look == '-' {
						return nil, syscall.ECONNREFUSED
					}
					return &outbound.Answer{Status: 200}, nil
				}
			})
			if look == 'R' {
				watcher.Stop()
				watcher = w.start(set)
				continue
			}
			pass(time.Minute)
			for _, e := range w.take() {
				told = append(told, fmt.Sprintf("%v %v %v %v", e.payload["changed"], e.payload["up"], e.payload["down_for"], e.payload["error"]))
			}
		}
		watcher.Stop()
	})
	return told
}

func TestCheckTellsOnlyWhatChanges(t *testing.T) {
	const first, down = "false true <nil> ", "true false "
	for _, c := range []struct {
		repeats, looks string
		want           []string
	}{
		{"2", "+++++", []string{first}},
		{"2", "+-+-+-+", []string{first}}, // blips
		{"{down: 2, up: 1}", "+--", []string{first, down + "1m0s connection refused"}},
		{"{down: 2, up: 1}", "+---+", []string{first, down + "1m0s connection refused", "true true 3m0s "}},
		{"{down: 3, up: 2}", "+--+----+-++", []string{first, down + "2m0s connection refused", "true true 6m0s "}},
		{"1", "-+", []string{down + "0s connection refused", "true true 1m0s "}},
		{"2", "--", []string{"false true <nil> connection refused", down + "1m0s connection refused"}},
		{"2", "+-R-", []string{first, down + "1m0s connection refused"}}, // counts go on over a restart
		{"2", "+--RRR--R++", []string{first, down + "1m0s connection refused", "true true 4m0s "}},
	} {
		if got := lookAt(t, c.repeats, c.looks); !slices.Equal(got, c.want) {
			t.Errorf("%s, repeats %s:\n%q, want\n%q", c.looks, c.repeats, got, c.want)
		}
	}
}

// A look at which nothing has changed is an event, too, but one that nobody has to
// keep; and what the URL has in it that may be secret is in none.
func TestCheckPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers = func(*http.Request) (*outbound.Answer, error) {
			return &outbound.Answer{Status: 503, Took: 20 * time.Millisecond}, nil
		}
		watcher := w.start(load(t, fmt.Sprintf(website, "3")))
		pass(2 * time.Minute)
		status := watcher.Status()
		watcher.Stop()
		if len(w.told) != 2 || w.told[0].Routine || !w.told[1].Routine {
			t.Fatalf("%+v", w.told)
		}
		p := w.told[1].payload
		delete(p, "time")
		delete(p, "since")
		want := map[string]any{"watch": "web", "url": "https://example.com/a", "up": true, "changed": false, "code": 503.0, "latency_ms": 20.0,
			"error": "answered 503 Service Unavailable", "failures": 2.0, "down_for": nil, "certificate_days": nil}
		if fmt.Sprint(p) != fmt.Sprint(want) {
			t.Errorf("%v, want\n%v", p, want)
		}
		if s := status[0]; len(status) != 1 || s.Of != "https://example.com/a" || s.State != "up" || s.Looks != 2 || s.Error != "answered 503 Service Unavailable" || s.NextAt == nil {
			t.Errorf("%+v", status)
		}
	})
}

// The server is killed in the moment when a change was told of and could not be
// noted: it is told once, and so is that the website is up again, which it was when
// the server came back.
func TestCheckSurvivesKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		up := true
		w.answers = func(*http.Request) (*outbound.Answer, error) {
			if up {
				return &outbound.Answer{Status: 200}, nil
			}
			return &outbound.Answer{Status: 500}, nil
		}
		set := load(t, fmt.Sprintf(website, "1"))
		watcher := w.start(set)
		pass(time.Minute)
		w.take()

		w.set(func() { up = false; w.refuse = true }) // it is on disk, and not told yet
		pass(time.Minute)
		watcher.Stop()
		w.set(func() { up = true; w.refuse = false })
		before := w.saved("web " + set.Watches()[0].Check.URLs[0].Key)
		watcher = w.start(set)
		pass(30 * time.Second)
		if got := w.take(); len(got) != 2 || got[0].payload["up"] != false || got[1].payload["up"] != true {
			t.Errorf("told are %v", got)
		}
		watcher.Stop()

		w.set(func() { w.states["web "+set.Watches()[0].Check.URLs[0].Key] = before }) // told, and not noted
		watcher = w.start(set)
		pass(30 * time.Second)
		if got := w.take(); len(got) != 1 || got[0].payload["up"] != true { // of the website it is another look
			t.Errorf("told again are %v", got)
		}
		watcher.Stop()
	})
}

// How long the certificate is valid is known also while there is no answer.
func TestCheckKnowsTheCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		until := time.Now().Add(10*24*time.Hour + time.Hour)
		w.answers = func(*http.Request) (*outbound.Answer, error) {
			if len(w.asked) > 1 {
				return nil, syscall.ECONNREFUSED
			}
			return &outbound.Answer{Status: 200, TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: until}}}}, nil
		}
		set := load(t, fmt.Sprintf(website, "1"))
		watcher := w.start(set)
		pass(time.Minute)
		watcher.Stop()
		watcher = w.start(set)
		pass(24 * time.Hour)
		watcher.Stop()
		first, last := w.told[0].payload["certificate_days"], w.told[len(w.told)-1].payload["certificate_days"]
		if first != 10.0 || last != 9.0 {
			t.Errorf("%v days, and then %v", first, last)
		}
	})
}

// A slow website does not delay the others.
func TestSlowWebsite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow := make(chan struct{})
		watcher := New(Config{Store: w, Events: w, Log: discard, Client: client(func(req *http.Request) (*outbound.Answer, error) {
			if req.URL.Host == "slow.example.com" {
				select {
				case <-slow:
				case <-req.Context().Done():
				}
			}
			return &outbound.Answer{Status: 200, Header: http.Header{}}, nil
		})})
		watcher.Use(load(t, `watch: {web: {check: {urls: ["https://slow.example.com", "https://a.example.com", "https://b.example.com"], timeout: 1h}, rules: [{run: make}]}}`))
		watcher.Start()
		pass(5 * time.Minute)
		w.set(func() {
			count := map[any]int{}
			for _, e := range w.told {
				count[e.payload["url"]]++
			}
			if count["https://slow.example.com"] != 0 || count["https://a.example.com"] < 4 || count["https://b.example.com"] < 4 {
				t.Errorf("looks are %v", count)
			}
		})
		close(slow)
		watcher.Stop()
	})
}
