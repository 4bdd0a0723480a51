package rules

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// What an event is called and known by may stand in a packed body, be it proven by a
// signature of the bytes as they came or by a token.
func TestPackedIsKnownAgain(t *testing.T) {
	const event = `{"specversion":"1.0","type":"t","source":"s","id":"1"}`
	for _, c := range []struct{ verify, contentType, body, event, key string }{
		{`{stripe: secret-token}`, jsonType, `{"id":"evt_1","type":"invoice.paid"}`, "invoice.paid", "invoice.paid evt_1"},
		{`{any: [{github: other-token}, {stripe: secret-token}]}`, jsonType, `{"id":"evt_1","type":"invoice.paid"}`, "invoice.paid", "invoice.paid evt_1"},
		{`{bearer: secret-token}`, "application/cloudevents+json", event, "t", "t s 1"},
		{`none`, "application/cloudevents+json", event, "t", "t s 1"},
	} {
		h := oneHook(t, `hooks: {/a: {verify: `+c.verify+`, rules: [{name: all, run: make}]}}`)
		for _, judge := range []func(*Request) error{
			func(r *Request) error {
				if err := h.Verify(r, time.Now()); err != nil {
					return err
				}
				if err := h.Unpack(r, nil); err != nil {
					return err
				}
				_, _, err := h.Evaluate(r)
				return err
			},
			func(r *Request) error { return h.Try(r, time.Now(), true).Refusal },
		} {
			sent := &verify.Request{Method: "POST", Header: http.Header{"Content-Type": {c.contentType}, "Content-Encoding": {"gzip"}}, Body: packed(t, c.body), Now: time.Now()}
			if c.verify == "{bearer: secret-token}" {
				sent.Header.Set("Authorization", "Bearer secret-token")
			} else if c.verify != "none" {
				scheme, _ := verify.Preset("stripe")
				sender, err := scheme.Compile([]verify.Secret{"secret-token"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := sender.Sign(sent); err != nil {
					t.Fatal(err)
				}
			}
			r := arrives(sent)
			if err := judge(r); err != nil {
				t.Fatalf("%s: %v", c.verify, err)
			}
			if r.Event != c.event || r.Dedupe.Key != c.key {
				t.Errorf("%s: the event is %q and known by %q, want %q and %q", c.verify, r.Event, r.Dedupe.Key, c.event, c.key)
			}
		}
	}
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
