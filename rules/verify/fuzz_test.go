package verify

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// Nothing but the signature that the secret makes may ever be accepted.
func FuzzSignatureHeader(f *testing.F) {
	schemes := allSchemes(f)
	names := []string{"github", "stripe", "standard-webhooks", "shopify", "paddle", "hmac-sha1-prefixed"}
	for i := range names {
		for _, seed := range []string{"", "t=1,v1=ab", "v1,QQ== v1a,x", "sha256=ab", "ts=1;h1=ab;h1=cd", "=,=,", "v1=,v1", ",,, ;;; =", "t=1772366400,v1="} {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		s := schemes[names[uint(i)%uint(len(names))]]
		v := compile(t, s)
		r := mustSign(t, v, newRequest())
		name := strings.TrimPrefix(s.Signature.From[0], "header:")
		genuine := r.Header.Get(name)
		r.Header.Set(name, value)
		if v.Verify(r) == nil && !holdsSignature(s, genuine, value) {
			t.Errorf("accepted %q", value)
		}
	})
}

// holdsSignature reports whether value holds the genuine signature, perhaps in
// another spelling that is meant to be accepted.
func holdsSignature(s Scheme, genuine, value string) bool {
	field := newCompiler(s, nil).signatureField()
	want, _ := field.decode(pairs{genuine, field.sep, field.kv})
	got, _ := field.decode(pairs{value, field.sep, field.kv})
	for _, g := range got {
		if bytes.Equal(g, want[0]) {
			return true
		}
	}
	return false
}

func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"1700000000", "0", "-1", "+1", "NaN", "1e9", "2026-03-01T12:00:00Z", "Sun, 01 Mar 2026 12:00:00 GMT", "Thu 07 Sep 2017 06:30:04 UTC", "9223372036854775807", "0001-01-01T00:00:00Z"} {
		f.Add(seed)
	}
	c := &clock{tolerance: 300e9, future: 300e9}
	f.Fuzz(func(t *testing.T, text string) {
		for name, u := range units {
			ts, ok := u.parse(text)
			if !ok {
				continue
			}
			age := testNow.Unix() - ts.Unix()
			if c.judge(testNow, ts) == nil && (age > 301 || age < -301) {
				t.Errorf("%s: %q is %d s off and was accepted", name, text, age)
			}
			if name == "s" && strings.Trim(text, "0123456789") != "" {
				t.Errorf("took %q for a number of seconds", text)
			}
		}
	})
}

func FuzzJSONPath(f *testing.F) {
	for _, body := range []string{`{"a":{"b":1}}`, `[{"id":"x"}]`, `{"a":[1,2,{"b":null}]}`, `{"a":`, "\xff", `"x"`, `1`, `{"":{"":1}}`, `{"\u0061":{"b\"":" \\\\"},"a\\":[[],{},"]"]}`} {
		for _, path := range []string{"a.b", "0.id", "a.2.b", "a", "..", "99999999999999999999", "a\\.2", "a.b\""} {
			f.Add([]byte(body), path)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		steps := strings.Split(path, ".")
		if got, unpacked := jsonBody(body).at(steps...), readJSON(body).at(steps); got != unpacked && got != "" && utf8.Valid(body) {
			t.Errorf("%q in %q is %q where it stands, and %q unpacked", path, body, got, unpacked)
		}
		changed, err := setJSON(body, steps, "value")
		if err != nil || !utf8.ValidString(path) {
			return
		}
		if got := jsonBody(changed).at(steps...); got != "value" {
			t.Errorf("set %q in %q: reads back %q from %q", path, body, got, changed)
		}
	})
}

func FuzzForm(f *testing.F) {
	for _, contentType := range []string{urlencoded, "multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=\"", "text/plain", ";"} {
		for _, body := range []string{"a=1&b=2", "a=%zz", "a;b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n", "--b", "--b--", ""} {
			f.Add(contentType, []byte(body))
		}
	}
	v := compile(f, hmacScheme(func(s *Scheme) { s.Signed = "{form:a}{form_sorted}" }))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r := newRequest()
		r.Header, r.Body = http.Header{"Content-Type": {contentType}}, body
		if v.Sign(r) != nil {
			return // not a form, or no field a
		}
		if err := v.Verify(r.clone()); err != nil {
			t.Errorf("what was signed is rejected: %v", err)
		}
	})
}
