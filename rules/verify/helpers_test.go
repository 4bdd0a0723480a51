package verify

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

const testSecret = Secret("8f742231b10e8888abcd99000fff85a5") // text, hex and base64 alike

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// compile compiles with testSecret, or fails the test.
func compile(t testing.TB, s Scheme, secrets ...Secret) *Verifier {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []Secret{testSecret}
	}
	v, err := s.Compile(secrets, map[string]string{"user": "ada", "account": "7"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func preset(t testing.TB, name string, secrets ...Secret) *Verifier {
	t.Helper()
	s, ok := Preset(name)
	if !ok {
		t.Fatalf("no preset %q", name)
	}
	return compile(t, s, secrets...)
}

// newRequest is a POST of JSON with something under every name that a scheme in
// testdata asks of the payload.
func newRequest() *Request {
	return &Request{
		Method: http.MethodPost,
		URL:    "https://hooks.example.com/hook?a=1",
		Path:   "/hook",
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"id":"evt_1","type":"ping","app_id":"app","signature":{"token":"abc"}}`),
		Now:    testNow,
	}
}

// formRequest is newRequest as a form.
func formRequest() *Request {
	r := newRequest()
	r.Header.Set("Content-Type", urlencoded)
	r.Body = []byte("payload=%7B%22a%22%3A1%7D&token=abc")
	return r
}

// clone copies r without what was read from it.
func (r *Request) clone() *Request {
	return &Request{
		Method: r.Method, URL: r.URL, Path: r.Path, RawQuery: r.RawQuery,
		Header: r.Header.Clone(), Body: slices.Clone(r.Body), Now: r.Now,
	}
}

// mustSign returns a signed request.
func mustSign(t testing.TB, v *Verifier, r *Request) *Request {
	t.Helper()
	if err := v.Sign(r); err != nil {
		t.Fatal("Sign:", err)
	}
	return r.clone()
}

// eachScheme runs a test for every scheme there is, offered or not.
func eachScheme(t *testing.T, test func(t *testing.T, s Scheme)) {
	schemes := allSchemes(t)
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		t.Run(name, func(t *testing.T) { test(t, schemes[name]) })
	}
}
