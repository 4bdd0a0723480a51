package verify

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// unsignedIDs are the presets whose provider gives each delivery an id in a header
// that it does not sign, and none in what it signs.
var unsignedIDs = []string{
	"github", "github-sha1", "gitea", "forgejo", "gogs", "bitbucket", "bitbucket-server", "shopify", "linear", "sentry",
	"jira", "razorpay", "woocommerce", "zendesk", "sanity",
}

// Whoever sends a genuine request again does not make a new one of it by an id or
// the name of an event that is not signed, where there is an id that is.
func TestUnsignedHeadersAreNoIDs(t *testing.T) {
	byNature := map[string]bool{}
	for _, name := range unsignedIDs {
		byNature[name] = true
	}
	eachScheme(t, func(t *testing.T, s Scheme) {
		_, name, _ := strings.Cut(t.Name(), "/")
		if s.Type == "token" || s.Type == "basic" || len(s.ID) == 0 {
			return // nothing is signed, or there is no id
		}
		v := compile(t, s)
		r := newRequest()
		if strings.HasPrefix(s.Content, "form") {
			r = formRequest()
		}
		set, body := 0, 0
		for _, place := range v.id {
			if place.kind == inHeader {
				continue
			}
			body++
			if s.Type == "twilio" && place.kind == inJSON {
				t.Fatal("Twilio sends no", place)
			}
			if place.set(r, "in-the-body") == nil { // a body in JSON has no fields of a form
				set++
			}
		}
		if set == 0 && body > 0 {
			t.Fatal("no id can be set")
		}
		if len(v.event) > 0 {
			_ = v.event[0].set(r, "first")
		}
		genuine := mustSign(t, v, r)
		known := func(r *Request) string {
			_, id := v.Identify(r)
			return strings.Join([]string{v.EventApart(r), id, v.Apart(r)}, " ")
		}
		_, id := v.Identify(genuine)
		if id == "" && v.id[0].kind == inHeader {
			t.Fatal("no id")
		}
		changed := false
		for _, header := range append(s.Headers(), "I-Twilio-Idempotency-Token", "X-Request-Id", "Idempotency-Key") {
			again := genuine.clone()
			again.Header.Set(header, "another")
			if v.Verify(again) == nil {
				changed = changed || known(again) != known(genuine)
			}
		}
		renamed := false
		for _, place := range v.event {
			again := genuine.clone()
			if !s.Cover().Request && place.set(again, "another") == nil && v.Verify(again) == nil {
				renamed = true
				changed = changed || known(again) != known(genuine)
			}
		}
		if renamed && s.SignsEvent() {
			t.Error("SignsEvent is true, and the event can have another name")
		}
		if changed != byNature[name] {
			t.Errorf("another header makes another event: %v, want %v", changed, byNature[name])
		}
		if s.SignsID() == byNature[name] {
			t.Errorf("SignsID is %v", s.SignsID())
		}
	})
}

// Twilio's events of one message are several, and each is itself again when it is
// repeated, whatever stands in headers that are not signed.
func TestTwilioEventsAreKnownAgain(t *testing.T) {
	v := preset(t, "twilio")
	known := func(body, contentType, token string, change func(*Request)) string {
		t.Helper()
		r := newRequest()
		r.Header = http.Header{"Content-Type": {contentType}}
		r.Body = []byte(body)
		r = mustSign(t, v, r)
		r.Header.Set("I-Twilio-Idempotency-Token", token)
		if change != nil {
			change(r)
		}
		if err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
		_, id := v.Identify(r)
		return id + " " + v.Apart(r)
	}
	unpadded := func(r *Request) {
		r.Header.Set("X-Twilio-Signature", strings.TrimRight(r.Header.Get("X-Twilio-Signature"), "="))
	}
	reordered := func(r *Request) {
		values, _ := url.ParseQuery(string(r.Body))
		r.Body = []byte(values.Encode())
	}
	sent := known("MessageStatus=sent&MessageSid=SM1", urlencoded, "a", nil)
	if id, _, _ := strings.Cut(sent, " "); id != "SM1" {
		t.Errorf("the id is %q", id)
	}
	for name, again := range map[string]string{
		"another token":     known("MessageStatus=sent&MessageSid=SM1", urlencoded, "b", nil),
		"without padding":   known("MessageStatus=sent&MessageSid=SM1", urlencoded, "b", unpadded),
		"in another order":  known("MessageStatus=sent&MessageSid=SM1", urlencoded, "b", reordered),
		"without any token": known("MessageStatus=sent&MessageSid=SM1", urlencoded, "", nil),
	} {
		if again != sent {
			t.Errorf("%s: %q is not %q", name, again, sent)
		}
	}
	if known("MessageStatus=delivered&MessageSid=SM1", urlencoded, "a", nil) == sent {
		t.Error("another status is the same event")
	}
	if known("CallSid=CA1&CallStatus=in-progress&Digits=1", urlencoded, "a", nil) == known("CallSid=CA1&CallStatus=in-progress&Digits=2", urlencoded, "a", nil) {
		t.Error("what is keyed in next is the same event")
	}
	if a, b := known(`{"a":1}`, "application/json", "a", nil), known(`{"a":1}`, "application/json", "b", nil); a != b || strings.TrimSpace(a) == "" {
		t.Errorf("a body in JSON is %q, and then %q", a, b)
	}
}

// Slack says in three ways what happened.
func TestSlackEventsHaveNames(t *testing.T) {
	v := preset(t, "slack")
	for body, want := range map[string][2]string{
		`{"type":"event_callback","event":{"type":"app_mention"},"event_id":"Ev1"}`:                     {"app_mention", "Ev1"},
		"command=%2Fdeploy&text=web&trigger_id=1.2.c":                                                   {"/deploy", "1.2.c"},
		"payload=" + url.QueryEscape(`{"type":"block_actions","trigger_id":"1.2.b","actions":[]}`):      {"block_actions", "1.2.b"},
		"payload=" + url.QueryEscape(`{"type":"view_submission","trigger_id":"1.2.v","event_id":null}`): {"view_submission", "1.2.v"},
		"payload=broken": {"", ""},
	} {
		r := newRequest()
		if !strings.HasPrefix(body, "{") {
			r.Header.Set("Content-Type", urlencoded)
		}
		r.Body = []byte(body)
		r = mustSign(t, v, r)
		if err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
		if event, id := v.Identify(r); event != want[0] || id != want[1] {
			t.Errorf("%s: %q, %q, want %q", body, event, id, want)
		}
	}
}
