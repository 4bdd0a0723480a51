package rules

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// receive judges a request as a hook with this verify would.
func receive(t *testing.T, verifies string, req *http.Request, body []byte, at time.Time) (*Request, error) {
	t.Helper()
	hook := oneHook(t, "server: {public_url: 'https://b.example.com'}\nhooks: {/in: {verify: "+verifies+", rules: [{run: make}]}}")
	r := &Request{Hook: "/in", Method: req.Method, Path: req.URL.Path, RawQuery: req.URL.RawQuery, Header: req.Header, Body: body}
	return r, hook.Verify(r, at)
}

// TestSigning: what a rule signs, a second server takes.
func TestSigning(t *testing.T) {
	setSecrets(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, scheme := range []string{
		`{standard-webhooks: "${env:WHSEC}"}`, `{svix: "${env:WHSEC}"}`, `{github: "${env:TOKEN}"}`, `{gitlab: "${env:TOKEN}"}`, `{stripe: "${env:TOKEN}"}`,
		`{slack: "${env:TOKEN}"}`, `{shopify: "${env:TOKEN}"}`, `{bearer: "${env:TOKEN}"}`, `{basic: {user: ada, password: "${env:TOKEN}"}}`, `{square: "${env:TOKEN}"}`,
	} {
		for _, from := range []string{"json: {type: order.paid, id: 7}", "body: plain", ""} {
			r := push(`{"type":"order.paid"}`)
			r.Header.Set("Content-Type", typeJSON)
			call, err := callOf(t, "url: https://b.example.com/in\nsign: "+scheme+"\n"+from, r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := call.Payload(revealed)
			if err != nil {
				t.Fatal(err)
			}
			if call.BodyAs == BodyDelivery {
				body = r.Body
			}
			u, _ := url.Parse("https://b.example.com/in")
			req := &http.Request{Method: "POST", URL: u, Header: http.Header{"Content-Type": {call.ContentType}}}
			if body, err = call.Sign.Sign(req, body, "id-1", now, revealed); err != nil {
				t.Errorf("%s: %v", scheme, err)
				continue
			}
			if _, err := receive(t, scheme, req, body, now.Add(time.Minute)); err != nil {
				t.Errorf("%s, %q: %v", scheme, from, err)
			}
			if _, err := receive(t, strings.Replace(strings.Replace(scheme, "TOKEN", "ODD", 1), "${env:WHSEC}", "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1), req, body, now); err == nil {
				t.Errorf("%s: another secret will do", scheme)
			}
		}
	}
}

// TestSigningNamesTheEvent: what is passed on says what it is, and which.
func TestSigningNamesTheEvent(t *testing.T) {
	setSecrets(t)
	call, err := callOf(t, `{url: https://b.example.com/in, sign: {github: "${env:TOKEN}"}}`, push(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("https://b.example.com/in")
	req := &http.Request{Method: "POST", URL: u, Header: http.Header{}}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	body, err := call.Sign.Sign(req, []byte(`{}`), "id-1", now, revealed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := receive(t, `{github: "${env:TOKEN}"}`, req, body, now)
	if err != nil || r.Event != "push" || r.ID != "id-1" {
		t.Errorf("event %q, id %q, %v", r.Event, r.ID, err)
	}
}

func TestSigningErrorsHoldNoSecret(t *testing.T) {
	setSecrets(t)
	s := &Signing{Preset: "standard-webhooks", Secret: Text{{Ref: "env:ODD"}}}
	u, _ := url.Parse("https://b.example.com/in")
	if _, err := s.Sign(&http.Request{Method: "POST", URL: u, Header: http.Header{}}, nil, "", time.Now(), revealed); err == nil || strings.Contains(err.Error(), os.Getenv("ODD")) {
		t.Errorf("%v", err)
	}
	if _, err := (&Signing{Preset: "gone", Secret: Plain("x")}).Sign(&http.Request{URL: u}, nil, "", time.Now(), revealed); err == nil || !strings.Contains(err.Error(), "any more") {
		t.Errorf("%v", err)
	}
}

// TestEveryPresetCanBeNamed: each either signs or says at load that it cannot.
func TestEveryPresetCanBeNamed(t *testing.T) {
	setSecrets(t)
	signs := 0
	for _, name := range verify.Presets() {
		scheme, _ := verify.Preset(name)
		n := nodeOf(t, scheme.Example(name))
		for _, env := range strings.Split(scheme.Example(name), "${env:")[1:] {
			value := secretValue
			if scheme.Key == "whsec" {
				value = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
			}
			t.Setenv(env[:strings.Index(env, "}")], value)
		}
		s := n.signing()
		if (s == nil) == (len(n.d.problems) == 0) {
			t.Errorf("%s: %+v, %v", name, s, n.d.problems)
		}
		if s != nil {
			signs++
		}
	}
	if signs < 80 {
		t.Errorf("only %d presets sign", signs)
	}
}

func TestGood(t *testing.T) {
	head := http.Header{"X-Status": {"done"}, "Content-Type": {"application/json"}}
	for _, c := range []struct {
		expect string
		status int
		body   string
		good   bool
	}{
		{"", 200, "", true}, {"", 204, "", true}, {"", 302, "", false}, {"", 404, "", false}, {"", 500, "", false},
		{"status < 400", 302, "", true}, {"status < 400", 404, "", false},
		{"status in [200, 409]", 409, "", true},
		{"status == 200 and body.ok", 200, `{"ok":true}`, true},
		{"status == 200 and body.ok", 200, `{"ok":false}`, false},
		{"body?.ok == true", 200, `{}`, false},
		{"body.id == 9007199254740993", 200, `{"id":9007199254740993}`, true},
		{`body contains "fine"`, 200, "all fine", true},
		{`headers["x-status"] == "done"`, 200, "", true},
		{`headers["X-Status"] != "done"`, 200, "", false},
	} {
		good, err := (&HTTPCall{Expect: c.expect}).Good(c.status, head, []byte(c.body))
		if err != nil || good != c.good {
			t.Errorf("%q of %d %s: %v, %v", c.expect, c.status, c.body, good, err)
		}
	}
	for _, expect := range []string{"body.ok.x", "status == 200 and body.missing", "request.hook == 'x' and status", "status + 1"} {
		if good, err := (&HTTPCall{Expect: expect}).Good(200, head, []byte(`{"ok":"x"}`)); err == nil && good {
			t.Errorf("%s is good", expect)
		}
	}
}
