package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"slices"
	"sync"
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
	for i := range secrets {
		secrets[i] = secretFor(s, secrets[i])
	}
	v, err := s.Compile(secrets, testParams())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testParams() map[string]string {
	return map[string]string{
		"user": "ada", "account": "7", "webhook_id": "WH-1", "topic": testTopic, "client_id": "client",
		"audience": "https://hooks.example.com", "email": "push@example.iam.gserviceaccount.com", "public_key": "public",
		"verify_token": "meatyhamhock", "receive": "/etc/secret",
	}
}

// testToken has the form of Mailgun's.
const testToken = "885894756b6c371a377f5f9516d60a4db497ad27d4931ed215"

const testTopic = "arn:aws:sns:eu-west-1:123456789012:alarms"

// testKeys are two key pairs of each kind, in PEM: what testSecret and
// otherSecret are for schemes with public keys.
var testKeys = sync.OnceValue(func() map[string][2]Secret {
	keys := map[string][2]Secret{}
	for name, generate := range map[string]func() (any, error){
		"ed25519": func() (any, error) { _, k, err := ed25519.GenerateKey(nil); return k, err },
		"ecdsa":   func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"rsa":     func() (any, error) { return rsa.GenerateKey(rand.Reader, 2048) },
	} {
		var pair [2]Secret
		for i := range pair {
			key, err := generate()
			if err != nil {
				panic(err)
			}
			der, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				panic(err)
			}
			pair[i] = Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		}
		keys[name] = pair
	}
	return keys
})

// secretFor is the scheme's kind of key in the place of a secret.
func secretFor(s Scheme, secret Secret) Secret {
	which := slices.Index([]Secret{testSecret, otherSecret}, secret)
	if which < 0 {
		return secret
	}
	switch {
	case s.Type == "aws-sns":
		return testKeys()["rsa"][which]
	case s.Type == "plaid":
		return testKeys()["ecdsa"][which]
	case s.JWT != nil && !slices.Contains(s.JWT.Algorithms, "HS256"):
		return testKeys()[map[string]string{"RS256": "rsa", "ES256": "ecdsa"}[s.JWT.Algorithms[0]]][which]
	}
	if pair, ok := testKeys()[s.Type]; ok {
		return pair[which]
	}
	return secret
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
		Body:   []byte(`{"id":"evt_1","type":"ping","app_id":"app","signature":{"token":"` + testToken + `"}}`),
		Now:    testNow,
	}
}

// formRequest is newRequest as a form.
func formRequest() *Request {
	r := newRequest()
	r.Header.Set("Content-Type", urlencoded)
	r.Body = []byte("payload=%7B%22a%22%3A1%7D&token=" + testToken)
	return r
}

// clone copies r without what was read from it.
func (r *Request) clone() *Request {
	return &Request{
		Method: r.Method, URL: r.URL, Path: r.Path, RawQuery: r.RawQuery,
		Header: r.Header.Clone(), Body: slices.Clone(r.Body), Now: r.Now, Keys: r.Keys,
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

// eachScheme runs a test for every preset. A client certificate belongs to a
// connection and not to a request; it has tests of its own.
func eachScheme(t *testing.T, test func(t *testing.T, s Scheme)) {
	schemes := allSchemes(t)
	delete(schemes, "mtls")
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		t.Run(name, func(t *testing.T) { test(t, schemes[name]) })
	}
}
