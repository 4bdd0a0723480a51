package server

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

const handshakeHooks = `
hooks:
  /meta:     {verify: {whatsapp: {secret: s3cr3t, verify_token: meatyhamhock}}, rules: [{run: make}]}
  /slack:    {verify: {slack: s3cr3t}, rules: [{run: make}]}
  /x:        {verify: {twitter: s3cr3t}, rules: [{run: make}]}
  /trello:   {verify: {dropbox: s3cr3t}, rules: [{run: make}]}
  /intercom: {verify: {intercom: s3cr3t}, rules: [{run: make}]}
  /events:   {verify: {cloudevents: s3cr3t}, rules: [{run: make}]}
  /adyen:    {verify: {adyen-standard: "00112233445566778899aabbccddeeff"}, rules: [{run: make}]}
  /xero:     {verify: {xero: s3cr3t}, rules: [{when: never, run: make}]}
  /xero-all: {verify: {xero: s3cr3t}, respond: {wait: 1s}, rules: [{run: make}]}
  /pubsub:   {verify: {google-pubsub: {audience: a, email: b}}, rules: [{run: make}]}
`

// A handshake is answered, recorded, and starts nothing.
func TestHandshakesAreAnswered(t *testing.T) {
	d := openPublic(t, handshakeHooks)
	tests := []struct {
		name    string
		request *http.Request
		status  int
		body    string
		header  [2]string
		reason  string // of the recorded delivery
	}{
		{"Meta's", d.request(t, "GET", "/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", ""), 200, "1158201444", [2]string{"Content-Type", "text/plain; charset=utf-8"}, "handshake answered: hub-challenge"},
		{"Meta's, another token", d.request(t, "GET", "/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", ""), 401, `{"error":"unauthorized"}`, [2]string{}, "does not match"},
		{"a GET that is none", d.request(t, "GET", "/meta", ""), 405, `{"error":"method not allowed"}`, [2]string{"Allow", "POST"}, ""},
		{"another method", d.request(t, "PUT", "/meta", ""), 405, `{"error":"method not allowed"}`, [2]string{"Allow", "POST"}, ""},
		{"a hook without", d.request(t, "GET", "/slack", ""), 405, `{"error":"method not allowed"}`, [2]string{"Allow", "POST"}, ""},
		{"Slack's, unsigned", d.request(t, "POST", "/slack", `{"type":"url_verification","challenge":"abc"}`), 401, `{"error":"unauthorized"}`, [2]string{}, "no X-Slack-Signature header"},
		{"Dropbox's", d.request(t, "GET", "/trello?challenge=abc", ""), 200, "abc", [2]string{"X-Content-Type-Options", "nosniff"}, "handshake answered: dropbox-challenge"},
		{"Dropbox's, with markup", d.request(t, "GET", "/trello?challenge=%3Cscript%3E", ""), 401, `{"error":"unauthorized"}`, [2]string{}, "nothing that is repeated"},
		{"HEAD", d.request(t, "HEAD", "/intercom", ""), 200, "", [2]string{"X-Content-Type-Options", "nosniff"}, "handshake answered: head-200"},
		{"OPTIONS", d.request(t, "OPTIONS", "/events", "", "WebHook-Request-Origin", "eventemitter.example.com", "WebHook-Request-Rate", "120"), 200, "", [2]string{"Webhook-Allowed-Origin", "eventemitter.example.com"}, "handshake answered: cloudevents-options"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := d.send(t, tt.request)
			if got.status != tt.status || got.body != tt.body {
				t.Errorf("answered %d %q, want %d %q", got.status, got.body, tt.status, tt.body)
			}
			if tt.header[0] != "" && got.header.Get(tt.header[0]) != tt.header[1] {
				t.Errorf("%s: %q, want %q", tt.header[0], got.header.Get(tt.header[0]), tt.header[1])
			}
			recorded, accepted, _ := d.take()
			if len(accepted) > 0 {
				t.Error("something runs")
			}
			for _, r := range recorded {
				if strings.HasPrefix(r.Reason, "handshake") && (r.Body != nil || !r.ByStrangers()) {
					t.Errorf("a handshake takes the place of what rules ignored: %+v", r)
				}
			}
			switch {
			case tt.reason == "" && len(recorded) > 0:
				t.Errorf("recorded %v", recorded)
			case tt.reason != "" && (len(recorded) != 1 || !strings.Contains(recorded[0].Reason, tt.reason)):
				t.Errorf("recorded %v, want one with %q", recorded, tt.reason)
			}
		})
	}
	if strings.Contains(d.log.String(), "meatyhamhock") {
		t.Error("the verify token is in the log")
	}
}

// A flood of handshakes, which anybody can send, fills neither the log nor the disk.
func TestAFloodOfHandshakes(t *testing.T) {
	d := openPublic(t, "hooks: {/monday: {verify: {monday: s3cr3t}, rules: [{run: make}]}}")
	for range 10 * logAtMost {
		if got := d.send(t, d.request(t, "POST", "/monday", `{"challenge":"x","pad":"`+strings.Repeat("x", 1000)+`"}`)); got.status != 200 {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	recorded, _, _ := d.take()
	for _, r := range recorded {
		if r.Body != nil || !r.ByStrangers() {
			t.Fatalf("recorded %+v", r)
		}
	}
	if len(recorded) != 10*logAtMost || !strings.Contains(d.log.String(), "handshake answered") || d.intake.warnings.passed == 0 {
		t.Errorf("%d are recorded, and %d counted in the log", len(recorded), d.intake.warnings.passed)
	}
}

// What the provider insists on is told in place of ours, unless the hook itself
// says how to respond.
func TestReceipts(t *testing.T) {
	d := openPublic(t, handshakeHooks)
	const body = `{"events":[{}],"firstEventSequence":1,"lastEventSequence":1}`
	signature := base64HMAC("s3cr3t", body)
	for path, want := range map[string]string{"/xero": "200 ", "/xero-all": `{"delivery"`} {
		got := d.send(t, d.request(t, "POST", path, body, "X-Xero-Signature", signature))
		if path == "/xero" && (got.status != 200 || got.body != "") || path != "/xero" && !strings.HasPrefix(got.body, want) {
			t.Errorf("%s answered %d %q, want %s", path, got.status, got.body, want)
		}
	}
	if got := d.send(t, d.request(t, "POST", "/xero", body, "X-Xero-Signature", "AAAA")); got.status != 401 || got.body != "" {
		t.Errorf("a wrong signature: %d %q, want 401 and nothing", got.status, got.body)
	}
	if got := d.send(t, d.request(t, "POST", "/xero", `{"events":[],"firstEventSequence":0,"lastEventSequence":0}`, "X-Xero-Signature", "AAAA")); got.status != 401 || got.body != "" {
		t.Errorf("a wrong intent to receive: %d %q, want 401 and nothing", got.status, got.body)
	}
	const adyen = `{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"SIGNATURE"},"eventCode":"TEST","pspReference":"p"}}]}`
	key := "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
	signed := strings.Replace(adyen, "SIGNATURE", base64HMAC(key, "p::::::TEST:"), 1)
	if got := d.send(t, d.request(t, "POST", "/adyen", signed)); got.status != 200 || got.body != "[accepted]" {
		t.Errorf("adyen: %d %q, want 200 [accepted]", got.status, got.body)
	}
	if _, accepted, _ := d.take(); len(accepted) != 2 {
		t.Errorf("%d events accepted, want 2", len(accepted))
	}
}

type noKeys struct{}

func (noKeys) Fetch(rules.Document, bool) ([]byte, error) { return nil, errors.New("no route to host") }

// A request that cannot be judged now is neither believed nor refused for good.
func TestKeysThatCannotBeFetched(t *testing.T) {
	d := openPublic(t, handshakeHooks)
	d.intake.Keys = noKeys{}
	token := "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.AAAA"
	got := d.send(t, d.request(t, "POST", "/pubsub", "{}", "Authorization", token))
	if got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("answered %d %v", got.status, got.header)
	}
	recorded, accepted, _ := d.take()
	if len(accepted) > 0 || len(recorded) != 1 || !strings.Contains(recorded[0].Reason, "no route to host") {
		t.Errorf("recorded %v", recorded)
	}
}

func base64HMAC(secret, text string) string {
	sum, err := hex.DecodeString(hmacHex(secret, text))
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sum)
}
