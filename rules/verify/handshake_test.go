package verify

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// A recorded handshake is a request and its answer as the provider's
// documentation has them, see source.
type recordedHandshake struct {
	Name      string
	Providers []string
	Config    map[string]string
	Cases     []recordedHandshake // instead of one request and one answer
	Request   struct {
		Method      string
		Path        string
		Headers     map[string]string
		ContentType string `json:"content_type"`
		Body        json.RawMessage
	}
	Response struct {
		Status      int
		ContentType string `json:"content_type"`
		Headers     map[string]string
		Body        string
	}
}

// elsewhere says why a handshake of the list is not answered by a Handshake.
var elsewhere = map[string]string{
	"github-ping":      "is an ordinary signed event, and answered like one",
	"adyen-accepted":   "is the answer to every event: Scheme.Respond",
	"sns-confirm":      "calls a URL: TestSNSConfirmation",
	"oci-confirmation": "has no preset: Oracle does not publish what it signs",
}

func TestHandshakes(t *testing.T) {
	data, err := os.ReadFile("testdata/handshakes.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []recordedHandshake
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	vectors := readVectors(t)
	for _, h := range list {
		if elsewhere[h.Name] != "" {
			continue
		}
		cases := append(h.Cases, h)
		for _, provider := range h.Providers {
			if provider == "websub" {
				continue // a protocol and not a provider
			}
			for _, c := range cases {
				if c.Response.Status == 0 || c.Response.Status == http.StatusUnauthorized {
					continue
				}
				t.Run(h.Name+"/"+provider, func(t *testing.T) { testHandshake(t, provider, h.Config, c, vectors) })
			}
		}
	}
}

func testHandshake(t *testing.T, provider string, config map[string]string, c recordedHandshake, vectors []vector) {
	s, ok := Preset(provider)
	if !ok {
		t.Fatal("no such preset")
	}
	params, secret := testParams(), testSecret
	for name, value := range config {
		params[name] = value
		if name == "private_key" {
			secret = Secret(value)
		}
	}
	v, err := s.Compile([]Secret{secretFor(s, secret)}, params)
	if err != nil {
		t.Fatal(err)
	}
	r := c.request(t)
	switch {
	case provider == "twitch": // its documentation prints the signature, too
		i := slices.IndexFunc(vectors, func(v vector) bool { return v.ID == "twitch-01" })
		v, r = vectors[i].verifier(t, s), vectors[i].request(t)
		r.Method = http.MethodPost
	case slices.ContainsFunc(s.Handshake, func(name string) bool { h, _ := FindHandshake(name); return h.Signed }):
		unsigned := r.clone()
		if err := v.Sign(r); err != nil {
			t.Fatal(err)
		}
		r = r.clone()
		if c.Request.Method != http.MethodOptions {
			if a, err := v.Handshake(unsigned); a != nil || err == nil {
				t.Error("answered without a signature")
			}
		}
	}
	answer, err := v.Handshake(r)
	if err != nil || answer == nil {
		t.Fatalf("answer %v, %v", answer, err)
	}
	want := c.Response
	// The recorded text says ${…} in words of its own where it depends on the secret.
	if strings.Contains(want.Body, "{hmac-") {
		want.Body = string(answer.Body)
	}
	if answer.Status != want.Status || string(answer.Body) != want.Body {
		t.Errorf("answered %d %q, want %d %q", answer.Status, answer.Body, want.Status, want.Body)
	}
	if got := answer.Header.Get("Content-Type"); want.ContentType != "" && !strings.HasPrefix(got, want.ContentType) {
		t.Errorf("Content-Type %q, want %q", got, want.ContentType)
	}
	for name, value := range want.Headers {
		if got := answer.Header.Get(name); got != value && name != "X-Content-Type-Options" { // the server sets that one on all
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if !slices.Contains(v.HandshakeMethods(), r.Method) {
		t.Errorf("%s is not among the methods %v", r.Method, v.HandshakeMethods())
	}
}

func (h recordedHandshake) request(t *testing.T) *Request {
	t.Helper()
	u, err := url.Parse(h.Request.Path)
	if err != nil {
		t.Fatal(err)
	}
	body := h.Request.Body
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	if h.Name == "xero-intent-to-receive" { // its documentation shows the payload elsewhere
		body = []byte(`{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4ndomt3xt"}`)
	}
	r := &Request{
		Method: h.Request.Method, URL: "https://hooks.example.com" + h.Request.Path, Path: "/hook", RawQuery: u.RawQuery,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Now: testNow,
	}
	for name, value := range h.Request.Headers {
		r.Header.Set(name, value)
	}
	if h.Request.ContentType != "" {
		r.Header.Set("Content-Type", h.Request.ContentType)
	}
	return r
}

// The values in answers that depend on the secret, computed with OpenSSL.
func TestHandshakesThatSign(t *testing.T) {
	v := preset(t, "twitter", "secret")
	r := &Request{Method: http.MethodGet, RawQuery: "crc_token=CRC_TOKEN&nonce=NONCE"}
	answer, err := v.Handshake(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"response_token":"sha256=GP6Q0fnsn/Brb34MtRLjSypw3EIhViGALzYo0n0zW74="}`; string(answer.Body) != want {
		t.Errorf("twitter: %s, want %s", answer.Body, want)
	}
	v = preset(t, "zoom", "secret")
	r = newRequest()
	r.Body = []byte(`{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`)
	if answer, err = v.Handshake(mustSign(t, v, r)); err != nil {
		t.Fatal(err)
	}
	if want := `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"72cef096bfd47c0b8664df30d07721641e4abd7e885ba432204260db477a9a3e"}`; string(answer.Body) != want {
		t.Errorf("zoom: %s, want %s", answer.Body, want)
	}
}

func TestHandshakeOfAStranger(t *testing.T) {
	long := strings.Repeat("a", 513)
	tests := []struct {
		name, preset string
		method       string
		query, body  string
		answered     bool
		reason       string
	}{
		{"the token", "facebook", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=meatyhamhock", "", true, ""},
		{"another token", "facebook", "GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", "", false, "does not match"},
		{"no token", "facebook", "GET", "hub.mode=subscribe&hub.challenge=1", "", false, "does not match"},
		{"another mode", "facebook", "GET", "hub.mode=denied&hub.challenge=1&hub.verify_token=meatyhamhock", "", false, ""},
		{"markup", "dropbox", "GET", "challenge=" + url.QueryEscape("<script>alert(1)</script>"), "", false, "repeated to a stranger"},
		{"a line break", "dropbox", "GET", "challenge=a%0d%0ab", "", false, "repeated to a stranger"},
		{"too much", "dropbox", "GET", "challenge=" + long, "", false, "repeated to a stranger"},
		{"two that differ", "dropbox", "GET", "challenge=a&challenge=b", "", false, ""},
		{"JSON out of JSON", "monday", "POST", "", `{"challenge":"a\",\"b\":\"c"}`, false, "repeated to a stranger"},
		{"an event to be signed", "twitter", "GET", "crc_token=" + url.QueryEscape(`{"favorite_events":[]}`), "", false, "repeated to a stranger"},
		{"no handshake", "dropbox", "POST", "challenge=abc", "{}", false, ""},
		{"unsigned", "slack", "POST", "", `{"type":"url_verification","challenge":"abc"}`, false, "no X-Slack-Signature header"},
		{"an event with a challenge", "monday", "POST", "", `{"challenge":"abc","event":{"type":"create_item"}}`, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := preset(t, tt.preset)
			answer, err := v.Handshake(&Request{Method: tt.method, RawQuery: tt.query, Body: []byte(tt.body), Header: http.Header{}, Now: testNow})
			if (answer != nil) != tt.answered {
				t.Errorf("answer %v, want one: %v", answer, tt.answered)
			}
			if (err != nil) != (tt.reason != "") || err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
		})
	}
}

// A text that the handshake signs for anybody is not believed as an event.
func TestSignedChallengeIsNoEvent(t *testing.T) {
	v := preset(t, "twitter")
	answer, err := v.Handshake(&Request{Method: http.MethodGet, RawQuery: "crc_token=12345"})
	if err != nil {
		t.Fatal(err)
	}
	token := readJSON(answer.Body).at([]string{"response_token"})
	r := newRequest()
	r.Header.Set("X-Twitter-Webhooks-Signature", token)
	r.Body = []byte("12345")
	checkVerdict(t, v.Verify(r), false)
}

// Without a verify token of the operator's there is nothing to compare with.
func TestHandshakeNotSetUp(t *testing.T) {
	s, _ := Preset("whatsapp")
	v, err := s.Compile([]Secret{testSecret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.HandshakeMethods()) > 0 {
		t.Errorf("takes %v", v.HandshakeMethods())
	}
	for _, query := range []string{"hub.mode=subscribe&hub.challenge=1&hub.verify_token=", "hub.mode=subscribe&hub.challenge=1"} {
		if a, err := v.Handshake(&Request{Method: http.MethodGet, RawQuery: query}); a != nil || err != nil {
			t.Errorf("%s: %v, %v", query, a, err)
		}
	}
}

func TestVerifyTokenIsMasked(t *testing.T) {
	if _, query := preset(t, "facebook").Sensitive(); !slices.Contains(query, "hub.verify_token") {
		t.Errorf("masked are %v", query)
	}
}

// Whatever a stranger sends, no more than a bounded plain text comes back.
func FuzzHandshake(f *testing.F) {
	names := []string{"facebook", "slack", "zoom", "discord", "microsoft-graph", "twitter", "mailchimp", "dropbox", "okta", "azure-event-grid", "cloudevents", "braintree", "monday", "nylas", "mandrill", "asana", "notion"}
	for i := range names {
		f.Add(i, "challenge=abc&crc_token=abc&validationToken=abc&bt_challenge=20f9f8ed05f77439fe955c977e4c8a53", `{"challenge":"abc"}`, "origin.example")
		f.Add(i, "", `{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`, "b537207f20cbfa02357cf448134da559")
		f.Add(i, "challenge=%3Cb%3E&validationToken=%00", `{"challenge":"\u0000<b>"}`, "a\r\nb")
	}
	f.Fuzz(func(t *testing.T, i int, query, body, header string) {
		v := preset(t, names[uint(i)%uint(len(names))])
		for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS"} {
			r := &Request{Method: method, RawQuery: query, Body: []byte(body), Now: testNow,
				Header: http.Header{"Webhook-Request-Origin": {header}, "X-Okta-Verification-Challenge": {header}, "X-Hook-Secret": {header}}}
			answer, err := v.Handshake(r)
			if answer == nil || err != nil {
				continue
			}
			if s := answer.Secret.Reveal(); s != "" && (len(s) < 16 || len(s) > 512 || strings.ContainsAny(s, " \r\n\x00") || !v.Brings(r)) {
				t.Errorf("took %q for a secret", s)
			}
			if len(answer.Body) > 1100 || strings.ContainsAny(string(answer.Body), "<>&'\x00\r\n") {
				t.Errorf("answered %q", answer.Body)
			}
			for name, values := range answer.Header {
				if strings.ContainsAny(values[0], "\r\n\x00<>") {
					t.Errorf("header %s: %q", name, values)
				}
			}
		}
	})
}

// A subscription is confirmed only when the operator said so, for the hook's own
// topic, and nowhere but at SNS.
func TestSNSConfirmation(t *testing.T) {
	const good = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + testTopic + "&Token=abc"
	tests := []struct {
		name, armed, url string
		calls            bool
		reason           string
	}{
		{"armed", "true", good, true, ""},
		{"not armed", "", good, false, ""},
		{"another host", "true", "https://example.com/?Action=ConfirmSubscription", false, "not the provider's"},
		{"a host inside", "true", "https://sns.eu-west-1.amazonaws.com.example.com/?Action=ConfirmSubscription", false, "not the provider's"},
		{"the machine itself", "true", "http://127.0.0.1/?Action=ConfirmSubscription", false, "not the provider's"},
		{"another action", "true", "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic", false, "not a URL for this"},
		{"two actions", "true", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Action=DeleteTopic", false, "not a URL for this"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := Preset("aws-sns")
			params := testParams()
			params["confirm"] = tt.armed
			v, err := s.Compile([]Secret{testKeys()["rsa"][0]}, params)
			if err != nil {
				t.Fatal(err)
			}
			r := newRequest()
			r.Body = []byte(`{"Type":"SubscriptionConfirmation","MessageId":"1","Message":"You have chosen","Token":"abc","SubscribeURL":"` + tt.url + `"}`)
			r = mustSign(t, v, r)
			f := &fetcher{documents: map[string][]string{tt.url: {"<ok/>"}}}
			r.Keys = f
			answer, err := v.Handshake(r)
			if (len(f.asked) == 1) != tt.calls || (answer != nil) != tt.calls {
				t.Errorf("called %d, answer %v", len(f.asked), answer)
			}
			if (err != nil) != (tt.reason != "") || err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
			if forged := r.clone(); tt.calls {
				forged.Body = []byte(strings.Replace(string(forged.Body), `"Token":"abc"`, `"Token":"abd"`, 1))
				f.asked = nil
				if a, err := v.Handshake(forged); a != nil || err == nil || len(f.asked) > 0 {
					t.Error("called for a forged message")
				}
				f.err = errTest
				if _, err := v.Handshake(r); err == nil || !strings.Contains(err.Error(), "cannot be called") {
					t.Errorf("a call that fails: %v", err)
				}
			}
		})
	}
	s, _ := Preset("aws-sns")
	params := testParams()
	params["confirm"] = "perhaps"
	if _, err := s.Compile(nil, params); err == nil || !strings.Contains(err.Error(), "confirm: write true or false") {
		t.Errorf("confirm: perhaps: %v", err)
	}
}

var errTest = errors.New("no route to host")
