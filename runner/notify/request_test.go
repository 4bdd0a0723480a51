package notify

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func alwaysTaken(*http.Request, []byte) *refusal { return nil }
func nothingSaid(http.ResponseWriter)            {}

// places are all kinds that speak HTTP, at an address.
var places = map[string]string{
	"discord":   `discord: "%s/api/webhooks/1/${env:TOKEN}"`,
	"slack":     `slack: "%s/services/T/B/${env:TOKEN}"`,
	"slack bot": `slack: {token: "${env:TOKEN}", channel: C1, api: "%s"}`,
	"teams":     `teams: "%s/?sig=${env:TOKEN}"`,
	"telegram":  `telegram: {token: "${env:TOKEN}", chat: 1, api: "%s"}`,
	"matrix":    `matrix: {homeserver: "%s", token: "${env:TOKEN}", room: "!r"}`,
	"ntfy":      `ntfy: {server: "%s", topic: "${env:TOKEN}", user: u, password: "${env:TOKEN}"}`,
	"gotify":    `gotify: {url: "%s", token: "${env:TOKEN}"}`,
	"webhook":   `webhook: {url: "%s/${env:TOKEN}?key=${env:TOKEN}", headers: {X-Key: "${env:TOKEN}"}}`,
	"url":       `url: "generic+%s/${env:TOKEN}"`,
}

// What a status means is the same for all: whether another attempt may help.
func TestStatus(t *testing.T) {
	for status, c := range map[int]struct {
		final bool
		after time.Duration
	}{
		301: {final: true}, 400: {final: true}, 401: {final: true}, 403: {final: true}, 404: {final: true}, 410: {final: true}, 413: {final: true},
		408: {}, 425: {}, 500: {}, 502: {}, 503: {}, 429: {after: unknownRest},
	} {
		for name, place := range places {
			if name == "url" {
				continue // has its own
			}
			s := newStage(t, fmt.Sprintf(place, answering(t, status, map[string]string{"Location": "https://example.com/else"}, "").URL))
			if failed := s.refused(t, fmt.Sprintf("answered %d", status)); failed.Final != c.final || failed.After != c.after || failed.Deferred {
				t.Errorf("%s: %d: %+v", name, status, failed)
			}
		}
	}
}

// How long a service asks to be left alone, it says in its own way.
func TestRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   time.Duration
	}{
		{"discord", 429, map[string]string{"Retry-After": "65"}, `{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}`, 65 * time.Second},
		{"discord", 429, map[string]string{"Retry-After": "3600"}, "<html>error code: 1015", time.Hour},
		{"slack", 429, map[string]string{"Retry-After": "30"}, "", 30 * time.Second},
		{"slack bot", 429, map[string]string{"Retry-After": "30"}, `{"ok":false,"error":"ratelimited"}`, 30 * time.Second},
		{"ntfy", 429, nil, `{"code":42901,"http":429,"error":"limit reached: too many requests"}`, unknownRest},
		{"webhook", 503, map[string]string{"Retry-After": "120"}, "", 2 * time.Minute},
		{"teams", 429, map[string]string{"Retry-After": "99999999"}, "", 24 * time.Hour},
		{"webhook", 403, map[string]string{"Retry-After": "60"}, "too much of it", time.Minute},
		{"matrix", 429, nil, `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":-5}`, unknownRest},
	} {
		s := newStage(t, fmt.Sprintf(places[c.name], answering(t, c.status, c.header, c.body).URL))
		if failed := s.refused(t, fmt.Sprint(c.status)); failed.After != c.want || failed.Final {
			t.Errorf("%s: %+v, want after %v", c.name, failed, c.want)
		}
	}
}

// While a place wants to be left alone, nothing is sent there, and others are not
// held up. Another configuration begins anew.
func TestPatience(t *testing.T) {
	busy := answering(t, 429, map[string]string{"Retry-After": "600"}, "")
	s := newStage(t, fmt.Sprintf(places["slack"], busy.URL))
	if failed := s.refused(t, "answered 429"); failed.Deferred || failed.After != 10*time.Minute {
		t.Errorf("%+v", failed)
	}
	failed := s.refused(t, "ops asked to be left alone for another ")
	if !failed.Deferred || failed.Final || failed.After <= 9*time.Minute || failed.After > 10*time.Minute {
		t.Errorf("%+v", failed)
	}
	if busy.asked != 1 {
		t.Errorf("asked %d times", busy.asked)
	}
	other := newStage(t, fmt.Sprintf(places["slack"], busy.URL))
	s.performer.Config = other.performer.Config
	s.refused(t, "answered 429")
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		ops, phone := &rules.Channel{Name: "ops"}, &rules.Channel{Name: "phone"}
		p.rest(ops, 0)
		if p.left(ops) != 0 {
			t.Error("rests for nothing")
		}
		p.rest(ops, time.Minute)
		p.rest(ops, time.Second) // is no shorter for it
		time.Sleep(59 * time.Second)
		if got := p.left(ops); got != time.Second || p.left(phone) != 0 {
			t.Errorf("%v left", got)
		}
		time.Sleep(time.Second)
		if got := p.left(ops); got != 0 {
			t.Errorf("%v left", got)
		}
	})
}

// Discord says when the next message would be one too many.
func TestDiscordLastOne(t *testing.T) {
	last := answering(t, 200, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, "{}")
	s := newStage(t, fmt.Sprintf(places["discord"], last.URL))
	s.good(t)
	if failed := s.refused(t, "left alone"); !failed.Deferred || failed.After > 1500*time.Millisecond {
		t.Errorf("%+v", failed)
	}
}

// No error and no output holds a token, also where the other side repeats all
// that it was told. perform looks for it.
func TestSecretsStaySecret(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		said := fmt.Sprintf("%s %s %v", r.Host, r.URL, r.Header)
		_, _ = fmt.Fprintf(w, `{"message": %[1]q, "errcode": "x", "description": %[1]q, "errorDescription": %[1]q}`, said)
	}))
	defer echo.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	listener.Close()
	for name, place := range places {
		for _, address := range []string{echo.URL, closed} {
			s := newStage(t, fmt.Sprintf(place, address))
			if err := s.perform(t); err == nil {
				t.Errorf("%s: sent to %s", name, address)
			}
		}
	}
}

// Half of a secret is one, too: a text is masked before it is cut.
func TestSecretAtTheCut(t *testing.T) {
	said := strings.Repeat(".", maxSaid-8) + secretToken
	s := newStage(t, fmt.Sprintf(places["webhook"], answering(t, 400, nil, said).URL))
	if failed := s.refused(t, "answered 400: ..."); strings.Contains(failed.Error(), secretToken[:4]) {
		t.Errorf("%v", failed)
	}
}

// Whatever an error of a library holds.
func TestHide(t *testing.T) {
	s := &sending{secrets: []rules.Secret{secretToken}}
	for _, err := range []error{errors.New("dial " + secretToken), &runner.PerformError{Err: errors.New("dial " + secretToken), Final: true, After: 5}} {
		hidden := s.hide(err)
		if hidden.Error() != "dial <secret>" {
			t.Errorf("%v", hidden)
		}
		if failed, ok := hidden.(*runner.PerformError); ok && (!failed.Final || failed.After != 5) {
			t.Errorf("%+v", failed)
		}
	}
}

// Who is sent on is at another place than the one that the operator wrote down.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := newStandIn(t, alwaysTaken, nothingSaid)
	moved := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer moved.Close()
	s := newStage(t, `webhook: "`+moved.URL+`"`)
	if failed := s.refused(t, "it answers with another address"); !failed.Final || other.asked != 0 {
		t.Errorf("%+v, asked %d times", failed, other.asked)
	}
}
