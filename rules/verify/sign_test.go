package verify

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSignThenVerify(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		v := compile(t, s)
		for name, r := range requestsFor(s) {
			if err := v.Verify(mustSign(t, v, r)); err != nil {
				t.Errorf("%s: Verify after Sign: %v", name, err)
			}
		}
	})
}

// requestsFor returns the kinds of body that a scheme can be sent with.
func requestsFor(s Scheme) map[string]*Request {
	wantsForm := strings.Contains(s.Signed, "{form") || s.Signature.From != nil && strings.HasPrefix(s.Signature.From[0], "form:")
	wantsJSON := strings.Contains(s.Signed, "{json:")
	requests := map[string]*Request{}
	if !wantsForm {
		requests["json"] = newRequest()
	}
	if !wantsJSON && (s.Timestamp == nil || !strings.HasPrefix(s.Timestamp.From[0], "json:")) {
		requests["form"] = formRequest()
	}
	return requests
}

// Whoever holds no secret may change one bit anywhere, and it must show.
func TestTampering(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		v := compile(t, s)
		for _, r := range requestsFor(s) {
			signed := mustSign(t, v, r)
			tamperBody(t, v, s, signed)
			tamperHeaders(t, v, s, signed)
			tamperTime(t, v, s, signed)
			tamperWhole(t, v, signed)
		}
	})
}

// tamperBody flips each bit class of each byte of a body that is signed whole.
func tamperBody(t *testing.T, v *Verifier, s Scheme, genuine *Request) {
	t.Helper()
	if !signsBody(s) || s.SignedForm != "" && isForm(genuine) {
		return
	}
	same := func(*Request) bool { return false }
	if readsForm := s.Type == "twilio" || s.Type == "braintree"; readsForm && isForm(genuine) {
		// Of a form the fields are signed, not how their bytes are escaped.
		same = func(r *Request) bool {
			values, err := r.formValues()
			was, _ := genuine.formValues()
			hex := "bt_signature" // in any case
			if err != nil || !strings.EqualFold(values.Get(hex), was.Get(hex)) {
				return false
			}
			values, was = maps.Clone(values), maps.Clone(was)
			values.Del(hex)
			was.Del(hex)
			return reflect.DeepEqual(values, was)
		}
	}
	for i := range genuine.Body {
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			r := genuine.clone()
			r.Body[i] ^= bit
			if v.Verify(r) == nil && !same(r) {
				t.Fatalf("accepted with bit %#x of byte %d flipped", bit, i)
			}
		}
	}
}

// signsBody reports whether all of the body is signed.
func signsBody(s Scheme) bool {
	switch s.Type {
	case "token", "basic", "shopify-query", "microsoft-graph", "adyen-standard":
		return false
	case "jwt":
		return s.JWT.BodyHash != nil
	}
	return s.Signed == "" || strings.Contains(s.Signed, "{body")
}

// tamperHeaders flips a bit of each character of each header that the scheme
// put there to prove something, and cuts the header there.
func tamperHeaders(t *testing.T, v *Verifier, s Scheme, genuine *Request) {
	t.Helper()
	for _, name := range provingHeaders(s) {
		value := genuine.Header.Get(name)
		for i := range len(value) {
			r, changed := genuine.clone(), []byte(value)
			changed[i] ^= 0x01
			r.Header.Set(name, string(changed))
			if v.Verify(r) == nil {
				t.Fatalf("accepted %s: %s", name, changed)
			}
			if strings.Trim(value[i:], "=") == "" {
				continue // base64 may do without its padding
			}
			r.Header.Set(name, value[:i])
			if v.Verify(r) == nil {
				t.Fatalf("accepted %s cut to %s", name, value[:i])
			}
		}
	}
}

func provingHeaders(s Scheme) (names []string) {
	places := append(Sources{}, s.Signature.From...)
	places = append(places, s.Token...)
	if strings.Contains(s.Signed, "{timestamp}") {
		places = append(places, s.Timestamp.From...)
	}
	if strings.Contains(s.Signed, "{id}") {
		places = append(places, s.ID...)
	}
	switch s.Type {
	case "basic":
		places = append(places, "header:Authorization")
	case "twilio":
		places = append(places, "header:X-Twilio-Signature")
	case "contentful":
		places = append(places, "header:X-Contentful-Signature", "header:X-Contentful-Timestamp", "header:X-Contentful-Signed-Headers")
	}
	for _, p := range places {
		if name, ok := strings.CutPrefix(p, "header:"); ok {
			names = append(names, name)
		}
	}
	return names
}

// tamperTime judges a genuine request too late and too early.
func tamperTime(t *testing.T, v *Verifier, s Scheme, genuine *Request) {
	t.Helper()
	if s.Timestamp == nil || s.Timestamp.Tolerance == Unchecked {
		return
	}
	old := time.Duration(s.Timestamp.Tolerance)
	for _, off := range []time.Duration{old, -time.Duration(cmp.Or(s.Timestamp.Future, s.Timestamp.Tolerance))} {
		r := genuine.clone()
		r.Now = testNow.Add(off)
		if err := v.Verify(r); err != nil {
			t.Errorf("%v off, just inside the window: %v", off, err)
		}
		r.Now = r.Now.Add(off / off.Abs() * time.Second)
		if v.Verify(r) == nil {
			t.Errorf("accepted %v off and a second more", off)
		}
	}
}

// tamperWhole removes what proves, or the key that it was made with.
func tamperWhole(t *testing.T, v *Verifier, genuine *Request) {
	t.Helper()
	r := genuine.clone()
	r.Header, r.RawQuery, r.Body = http.Header{}, "", nil
	if v.Verify(r) == nil {
		t.Error("accepted an empty request")
	}
}

func TestAnotherSecretIsRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		v, other := compile(t, s), compile(t, s, otherSecret)
		for _, r := range requestsFor(s) {
			if other.Verify(mustSign(t, v, r)) == nil {
				t.Error("accepted a request of another secret")
			}
		}
	})
}

func TestRotation(t *testing.T) {
	eachScheme(t, func(t *testing.T, s Scheme) {
		old, both := compile(t, s, otherSecret), compile(t, s, testSecret, otherSecret)
		for _, r := range requestsFor(s) {
			if err := both.Verify(mustSign(t, old, r.clone())); err != nil {
				t.Errorf("the old secret while rotating: %v", err)
			}
			if compile(t, s).Verify(mustSign(t, both, r.clone())) != nil {
				t.Error("Sign did not use the first secret")
			}
		}
	})
}

func TestSignSetsWhatIsAbsent(t *testing.T) {
	schemes := allSchemes(t)
	v := compile(t, schemes["standard-webhooks"])
	r := mustSign(t, v, newRequest())
	if id := r.Header.Get("Webhook-Id"); len(id) != 36 || id[14] != '4' {
		t.Errorf("webhook-id = %q, want a UUID of version 4", id)
	}
	if got := r.Header.Get("Webhook-Timestamp"); got != "1772366400" {
		t.Errorf("webhook-timestamp = %q, want the time of Now", got)
	}

	r = newRequest()
	r.Header.Set("Webhook-Id", "mine")
	r.Header.Set("Webhook-Timestamp", "1772366401")
	mustSign(t, v, r)
	if r.Header.Get("Webhook-Id") != "mine" || r.Header.Get("Webhook-Timestamp") != "1772366401" {
		t.Error("Sign replaced the id or the timestamp that the request had")
	}
}

func TestSignSaysWhatItLacks(t *testing.T) {
	v := compile(t, allSchemes(t)["square"])
	r := newRequest()
	r.URL = ""
	if err := v.Sign(r); err == nil || !strings.Contains(err.Error(), "public URL") {
		t.Errorf("Sign without a URL: %v", err)
	}
	if !v.NeedsURL() || preset(t, "github").NeedsURL() {
		t.Error("NeedsURL is wrong about square or github")
	}
}

func TestIdentify(t *testing.T) {
	schemes := allSchemes(t)
	gitlab, stripe, hubspot := preset(t, "gitlab"), compile(t, schemes["stripe"]), compile(t, schemes["hubspot"])
	tests := []struct {
		name      string
		v         *Verifier
		header    http.Header
		body      string
		event, id string
	}{
		{"header", gitlab, http.Header{"X-Gitlab-Event": {"Push Hook"}, "Idempotency-Key": {"a"}, "X-Gitlab-Event-Uuid": {"b"}}, "", "Push Hook", "a"},
		{"second choice", gitlab, http.Header{"X-Gitlab-Event-Uuid": {"b"}}, "", "", "b"},
		{"an empty one is absent", gitlab, http.Header{"Idempotency-Key": {""}, "X-Gitlab-Event-Uuid": {"b"}}, "", "", "b"},
		{"two that differ are none", gitlab, http.Header{"X-Gitlab-Event": {"Push Hook", "Tag Hook"}}, "", "", ""},
		{"json", stripe, nil, `{"id":"evt_1","type":"charge.refunded"}`, "charge.refunded", "evt_1"},
		{"json array, all digits of a number", hubspot, nil, `[{"eventId":9007199254740993,"subscriptionType":"x"}]`, "x", "9007199254740993"},
		{"not json", stripe, nil, `{"id":`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			event, id := tt.v.Identify(&Request{Header: tt.header, Body: []byte(tt.body)})
			if event != tt.event || id != tt.id {
				t.Errorf("Identify = %q, %q; want %q, %q", event, id, tt.event, tt.id)
			}
		})
	}
}

func TestSetEvent(t *testing.T) {
	for _, name := range []string{"github", "stripe", "basic"} {
		v, r := compile(t, allSchemes(t)[name]), newRequest()
		if err := v.SetEvent(r, "push"); err != nil {
			t.Fatal(err)
		}
		if event, _ := v.Identify(r); event != "push" && name != "basic" {
			t.Errorf("%s: event is %q after SetEvent", name, event)
		}
	}
}
