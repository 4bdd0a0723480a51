package rules

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hookWith loads a hook whose settings are these.
func hookWith(t *testing.T, path, settings string) *Hook {
	t.Helper()
	t.Setenv("TOKEN", "secret-token")
	c := load(t, "server: {public_url: https://hooks.example.com}\nhooks:\n  "+path+":\n    "+settings+"\n    rules: [{name: go, run: make}]\n")
	return c.Set.Hooks()[0]
}

// What an event is known by: what its provider names, or what the hook says.
func TestDedupeKey(t *testing.T) {
	const github = `verify: {github: "${env:TOKEN}"}`
	long := strings.Repeat("x", 201)
	for name, c := range map[string]struct {
		path, settings string
		header         http.Header
		event, id      string
		body           string
		key            string
		within         time.Duration
		fails          string
	}{
		"the provider's id":           {settings: github, event: "push", id: "72d3", key: "push 72d3", within: 24 * time.Hour},
		"an id without an event":      {settings: github, id: "72d3", key: "72d3", within: 24 * time.Hour},
		"without an id":               {settings: github, event: "push"},
		"off":                         {settings: github + "\n    dedupe: off", event: "push", id: "72d3"},
		"for how long":                {settings: github + "\n    dedupe: {within: 90m}", id: "72d3", key: "72d3", within: 90 * time.Minute},
		"by an expression":            {settings: github + "\n    dedupe: {by: \"{{ head.id }}-{{ n }}\"}", id: "72d3", body: `{"head":{"id":"abc"},"n":9007199254740993}`, key: "abc-9007199254740993", within: 24 * time.Hour},
		"by what is not there":        {settings: github + "\n    dedupe: {by: \"{{ head.id }}\"}", id: "72d3", body: `{"a":1}`},
		"by what cannot be told":      {settings: github + "\n    dedupe: {by: \"{{ upper(n) }}\"}", id: "72d3", body: `{"n":1}`, fails: "upper"},
		"a secret is none":            {settings: github + "\n    dedupe: {by: \"{{ request.headers.authorization }}\"}", header: http.Header{"Authorization": {"Bearer x"}}, key: "<secret>", within: 24 * time.Hour},
		"a path with a parameter":     {path: "/deploy/:service", settings: github, id: "72d3", key: "/deploy/web 72d3", within: 24 * time.Hour},
		"a CloudEvent, binary":        {settings: "verify: none", header: http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Type": {"t"}, "Ce-Source": {"/a"}}, key: "t /a 1", within: 24 * time.Hour},
		"a CloudEvent, structured":    {settings: "verify: none", header: http.Header{"Content-Type": {"application/cloudevents+json"}}, body: `{"type":"t","id":"1","source":"/b"}`, key: "t /b 1", within: 24 * time.Hour},
		"a CloudEvent of its preset":  {settings: `verify: {cloudevents: "${env:TOKEN}"}`, event: "t", id: "1", header: http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Type": {"t"}, "Ce-Source": {"/a"}}, key: "t /a 1", within: 24 * time.Hour},
		"a long key is kept as a sum": {settings: github, id: long, key: "sha256:", within: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if c.path == "" {
				c.path = "/a"
			}
			h := hookWith(t, c.path, c.settings)
			r := &Request{Method: "POST", Path: strings.Replace(c.path, ":service", "web", 1), Header: c.header, Event: c.event, ID: c.id, Body: []byte(c.body)}
			r.Params, _ = h.Match(r.Path)
			h.identifyEvent(r)
			if _, actions, err := h.Evaluate(r); err != nil || len(actions) != 1 {
				t.Fatalf("%d actions, %v", len(actions), err)
			}
			got := r.Dedupe
			if c.fails != "" {
				if got.Err == nil || got.Key != "" || !strings.Contains(got.Err.Error(), c.fails) {
					t.Errorf("%+v, want an error with %q", got, c.fails)
				}
				return
			}
			if got.Err != nil || got.Key != c.key && !strings.HasPrefix(c.key, "sha256:") || got.Within != c.within {
				t.Errorf("%+v, want %q within %v", got, c.key, c.within)
			}
			if c.id == long && (!strings.HasPrefix(got.Key, "sha256:") || len(got.Key) != len("sha256:")+64) {
				t.Errorf("a long key became %q", got.Key)
			}
		})
	}
}

// Whoever sends a genuine request again makes no new event of it by a header that
// is not signed, be it the event's name or the id of another scheme of the hook.
func TestUnsignedNamesMakeNoNewEvent(t *testing.T) {
	const gitlab = "{gitlab-signed: SECRET}"
	for setting, signer := range map[string]string{
		"{circleci: SECRET}":                "",
		"{twitch: SECRET}":                  "",
		"{mailgun: SECRET}":                 "",
		gitlab:                              "",
		"{standard-webhooks: SECRET}":       "",
		"{any: [{github: SECRET}, GITLAB]}": gitlab,
		"{any: [GITLAB, {github: SECRET}]}": gitlab,
		"{all: [{gitlab: SECRET}, GITLAB]}": "",
		`{hmac: {header: X-S, secret: SECRET, id: "json:id", event: "header:X-Event"}}`: "",
	} {
		hook := func(setting string) *Hook {
			setting = strings.ReplaceAll(setting, "GITLAB", gitlab)
			return hookWith(t, "/a", "verify: "+strings.ReplaceAll(setting, "SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
		}
		h, now := hook(setting), time.Now()
		genuine := &Request{Method: "POST", Path: "/a", Header: http.Header{"Content-Type": {jsonType}},
			Body: []byte(`{"id":"1","type":"t","event-data":{"event":"opened"},"signature":{"token":"` + strings.Repeat("a", 50) + `"}}`)}
		if err := hook(cmp.Or(signer, setting)).Sign(genuine, now); err != nil {
			t.Fatal(setting, err)
		}
		keys := map[string]bool{}
		for _, name := range []string{"", "a", "b"} {
			r := &Request{Method: "POST", Path: "/a", Header: genuine.Header.Clone(), Body: genuine.Body}
			if name != "" {
				for _, header := range []string{"Circleci-Event-Type", "Twitch-Eventsub-Subscription-Type", "X-Gitlab-Event", "X-Event", "X-Github-Event", "X-Github-Delivery", "Idempotency-Key"} {
					r.Header.Set(header, name)
				}
			}
			if strings.Contains(setting, "mailgun") {
				r.Body = bytes.ReplaceAll(r.Body, []byte("opened"), []byte("opened"+name))
			}
			if err := h.Verify(r, now); err != nil {
				t.Fatal(setting, err)
			}
			if _, _, err := h.Evaluate(r); err != nil {
				t.Fatal(err)
			}
			keys[r.Dedupe.Key] = true
		}
		if len(keys) != 1 || keys[""] {
			t.Errorf("%s: one event has the keys %v", setting, keys)
		}
	}
}

// Several events that a provider sends under one id are several.
func TestEventsOfOneIDAreToldApart(t *testing.T) {
	for preset, c := range map[string][2]string{
		"terraform":        {`{"run_id":"r","notifications":[{"trigger":"run:needs_attention","run_updated_at":"1"}]}`, `{"run_id":"r","notifications":[{"trigger":"run:needs_attention","run_updated_at":"2"}]}`},
		"viber":            {`{"message_token":1,"event":"delivered","user_id":"a"}`, `{"message_token":1,"event":"delivered","user_id":"b"}`},
		"hubspot":          {`[{"eventId":1,"subscriptionType":"x"}]`, `[{"eventId":1,"subscriptionType":"x"},{"eventId":2}]`},
		"stripe":           {`{"id":"1","type":"a"}`, `{"id":"1","type":"b"}`},
		"azure-event-grid": {`[{"id":"1","eventType":"x"}]`, `[{"id":"1","eventType":"x"},{"id":"2"}]`},
	} {
		setting := "verify: {" + preset + `: "${env:TOKEN}"}`
		for _, settings := range []string{setting, `verify: {any: [{bearer: "${env:TOKEN}"}, {` + preset + `: "${env:TOKEN}"}]}`} {
			h := hookWith(t, "/a", settings)
			keys := map[string]bool{}
			for _, body := range []string{c[0], c[1], c[0]} {
				r := &Request{Method: "POST", Path: "/a", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
				r.Event, r.ID = h.verifier.Identify(h.evidence(r, time.Now()))
				if _, _, err := h.Evaluate(r); err != nil || r.Dedupe.Key == "" {
					t.Fatalf("%s: %+v, %v", preset, r.Dedupe, err)
				}
				keys[r.Dedupe.Key] = true
			}
			if len(keys) != 2 {
				t.Errorf("%s: %d keys: %v", settings, len(keys), keys)
			}
		}
	}
}

// An event is known for as long as its signature is believed: what is forgotten
// before could be sent again.
func TestKnownForAsLongAsBelieved(t *testing.T) {
	for settings, want := range map[string]time.Duration{
		"verify: {stripe: s}":                                           24 * time.Hour,
		"verify: {paypal: {webhook_id: w}}":                             72 * time.Hour,
		"verify: {any: [{stripe: s}, {paypal: {webhook_id: w}}]}":       72 * time.Hour,
		"verify: {paypal: {webhook_id: w}}, dedupe: {by: \"{{ id }}\"}": 72 * time.Hour,
		"dedupe: {within: 24h}, verify: {paypal: {webhook_id: w}}":      24 * time.Hour,
		"verify: {hmac: {header: X-S, secret: s, signed: \"{timestamp}{body}\", timestamp: {from: \"header:X-T\", tolerance: 2d}, id: \"json:id\"}}": 48 * time.Hour,
	} {
		hook := oneHook(t, "hooks: {/a: {"+settings+", rules: [{run: make}]}}")
		if got := time.Duration(hook.dedupe.within); got != want {
			t.Errorf("%s: known for %v, want %v", settings, got, want)
		}
	}
	if hook := oneHook(t, "hooks: {/a: {verify: {paypal: {webhook_id: w}}, dedupe: off, rules: [{run: make}]}}"); hook.dedupe.within != 0 {
		t.Error("off is not off")
	}
}
