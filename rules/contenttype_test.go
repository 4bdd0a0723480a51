package rules

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// anyType are what somebody can write into a header that is not signed.
var anyType = []string{
	jsonType, formType, multipartType, "text/plain", "text/plain; charset=utf-8", "text/xml", "application/cloudevents+json",
	"application/x+json", "text/json", "application/octet-stream", "image/png", "nonsense", "text/plain; charset=latin1", "",
}

// Whatever the Content-Type of a genuine body that is sent again, it is refused or
// known by the same key and read as the same.
func TestContentTypeMakesNoNewEvent(t *testing.T) {
	const push = `{"head_commit":{"id":"abc"},"ref":"refs/heads/main"}`
	const event = `{"data":{"id":"&id=2&x="},"id":"1","source":"s","specversion":"1.0","type":"t"}`
	form := "payload=" + url.QueryEscape(push)
	for name, c := range map[string]struct {
		hook string // its verify, and more
		sent string // Content-Type
		body string
		key  string
		read string // "" where the header says how, if that is the same event
	}{
		"an event":                    {`verify: {hmac-sha256-hex: s}`, "application/cloudevents+json", event, "t s 1", ""},
		"an event, JSON":              {`verify: {hmac-sha256-hex: s}, content: json`, jsonType, event, "t s 1", event},
		"an event beside a token":     {`verify: {all: [{token: {query: a, secret: b}}, {hmac-sha256-hex: s}]}`, jsonType, event, "t s 1", ""},
		"the provider's JSON":         {`verify: {github: s}, dedupe: {by: "{{ head_commit.id }}"}`, jsonType, push, "abc", push},
		"the provider's JSON, as sha": {`verify: {github: s}, dedupe: {by: "{{ payload }}"}`, jsonType, push, push, push},
		"the provider's form":         {`verify: {github: s}, dedupe: {by: "{{ head_commit.id }}"}`, formType, form, "abc", push},
		"JSON of one with forms":      {`verify: {gitea: s}, dedupe: {by: "{{ head_commit.id }}"}`, jsonType, push, "abc", push},
		"a command of Slack":          {`verify: {slack: s}`, formType, "command=%2Fdeploy&text=prod&trigger_id=13.1", "/deploy 13.1", `{"command":"/deploy","text":"prod","trigger_id":"13.1"}`},
		"an interaction of Slack":     {`verify: {slack: s}`, formType, "payload=" + url.QueryEscape(`{"type":"x","trigger_id":"1"}`), "x 1", `{"trigger_id":"1","type":"x"}`},
		"an event of Slack":           {`verify: {slack: s}`, jsonType, `{"event_id":"1","event":{"type":"a","text":"&trigger_id=2&command=b&"}}`, "a 1", ""},
		"one's own, by a field":       {`verify: {hmac-sha256-hex: s}, dedupe: {by: "{{ head_commit.id }}"}`, jsonType, push, "abc", push},
		"one's own, by its id":        {`verify: {hmac: {secret: s, header: X-Signature, id: "form:n"}}`, formType, "n=1&m=2", "1", ""},
		"one's own, content":          {`verify: {hmac-sha256-hex: s}, content: json, dedupe: {by: "{{ payload }}"}`, jsonType, push, push, push},
	} {
		t.Run(name, func(t *testing.T) {
			h := oneHook(t, "hooks: {/a: {"+c.hook+`, rules: [{name: all, run: [make, "{{ payload }}"]}]}}`)
			now := time.Now()
			signed := &verify.Request{Method: http.MethodPost, RawQuery: "a=b", Header: http.Header{"Content-Type": {c.sent}}, Body: []byte(c.body), Now: now}
			if err := h.verifier.Sign(signed); err != nil {
				t.Fatal(err)
			}
			for _, contentType := range slices.Concat([]string{c.sent}, anyType) {
				r := arrives(signed)
				setBody(r, contentType, c.body)
				if err := h.Verify(r, now); err != nil {
					continue
				}
				_, actions, err := h.Evaluate(r)
				if err != nil {
					if contentType == c.sent {
						t.Fatal(err)
					}
					if malformed := (*MalformedError)(nil); !errors.Is(err, ErrUnsupported) && !errors.As(err, &malformed) {
						t.Errorf("as %q: %v", contentType, err)
					}
					continue
				}
				if r.Dedupe.Key != c.key {
					t.Errorf("as %q it is known by %q, want %q", contentType, r.Dedupe.Key, c.key)
				}
				if got := actions[0].Command.Argv[1].String(); c.read != "" && got != c.read {
					t.Errorf("as %q it is read as %q, want %q", contentType, got, c.read)
				}
			}
		})
	}
}
