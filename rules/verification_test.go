package rules

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// writtenSecret is a key in every spelling: text, hex and base64.
const writtenSecret = "00112233445566778899aabbccddeeff"

// keyFor returns a key that a scheme can be set up with, in PEM where it is not
// a secret of both sides.
func keyFor(t *testing.T, s verify.Scheme) string {
	t.Helper()
	var key any
	var err error
	switch {
	case s.Type == "mtls":
		return caPEM(t)
	case s.Symmetric():
		return writtenSecret
	case s.Type == "ed25519":
		_, key, err = ed25519.GenerateKey(nil)
	case s.Type == "ecdsa", s.Type == "plaid", s.JWT != nil && slices.Contains(s.JWT.Algorithms, "ES256"):
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func caPEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// A presetSender sends to a hook of a preset what its provider would.
type presetSender struct {
	name   string
	scheme verify.Scheme
	hook   *Hook
	sender *verify.Verifier
}

// newPresetSender writes the preset into a configuration, as people would. The
// hook has one rule, which takes all that it can see of the payload.
func newPresetSender(t *testing.T, name string) *presetSender {
	t.Helper()
	s, _ := verify.Preset(name)
	key := keyFor(t, s)
	params := map[string]string{}
	settings := fmt.Sprintf("%s: %q", s.SecretName(), key)
	for param, p := range s.Params {
		if p.Receives {
			continue // in place of the secret
		}
		params[param] = "arn:of-" + param
		if param == "environment" || name == "mtls" {
			params[param] = "sandbox"
		}
		if param == "confirm" {
			params[param] = "true"
		}
		if param == "user" {
			params[param] = "ada"
		}
		settings += fmt.Sprintf(", %s: %q", param, params[param])
	}
	hook := oneHook(t, fmt.Sprintf("server: {public_url: \"https://hooks.example.com\"}\nhooks:\n  /a:\n    methods: [GET, POST]\n    verify: {%s: {%s}}\n    rules: [{name: all, run: [make, \"{{ payload }}\"]}]\n", name, settings))
	v, err := s.Compile([]verify.Secret{verify.Secret(key)}, params)
	if err != nil {
		t.Fatal(err)
	}
	return &presetSender{name, s, hook, v}
}

// signed is a request of the provider's at a time.
func (s *presetSender) signed(now time.Time) (*verify.Request, error) {
	r := &verify.Request{
		Method: http.MethodPost, URL: "https://hooks.example.com/a", Path: "/a", Now: now,
		Header: http.Header{"Content-Type": {jsonType}},
		Body:   []byte(`{"id":"1","type":"ping","app_id":"a","signature":{"token":"885894756b6c371a377f5f9516d60a4db497ad27d4931ed215"}}`),
	}
	if strings.Contains(s.scheme.Signed, "{form") || s.name == "mailgun-form" {
		r.Header.Set("Content-Type", formType)
		r.Body = []byte("payload=%7B%7D&token=885894756b6c371a377f5f9516d60a4db497ad27d4931ed215")
	}
	if s.name == "mandrill" {
		r.Body = []byte("mandrill_events=%5B%5D")
	}
	return r, s.sender.Sign(r)
}

// arrives makes of what was signed what arrives at the hook.
func arrives(signed *verify.Request) *Request {
	return &Request{Method: signed.Method, Path: "/a", RawQuery: signed.RawQuery, Header: signed.Header.Clone(), Body: slices.Clone(signed.Body)}
}

// Every preset can be written in a configuration, as people would, and then
// lets in what it should and nothing else.
func TestEveryPresetThroughYAML(t *testing.T) {
	for _, name := range verify.Presets() {
		t.Run(name, func(t *testing.T) {
			s := newPresetSender(t, name)
			now := time.Now()
			signed, err := s.signed(now)
			if err != nil && name != "mtls" { // which belongs to a connection
				t.Fatal(err)
			}
			unsigned := arrives(signed)
			unsigned.Header, unsigned.RawQuery = http.Header{"Content-Type": {jsonType}}, ""
			unsigned.Body = []byte(`{"id":"1"}`)
			if err := s.hook.Verify(unsigned, now); err == nil {
				t.Error("accepted an unsigned request")
			}
			if name == "mtls" {
				return
			}
			if err := s.hook.Verify(arrives(signed), now); err != nil {
				t.Error("rejected a genuine request:", err)
			}
		})
	}
}

// The forms in which any sender can be described.
func TestGenericSchemes(t *testing.T) {
	for _, c := range []struct{ name, settings string }{
		{"hash", `header: X-Signature, secret: s, signed: "{secret}{body}"`},
		{"hmac", `header: X-Signature, secret: s, algorithm: sha512`},
		{"ed25519", `header: X-Signature, public_key: KEY`},
		{"ecdsa", `header: X-Signature, encoding: base64, public_key: KEY`},
		{"rsa", `header: X-Signature, encoding: base64, algorithm: sha512, public_key: [KEY, KEY]`},
		{"jwt", `algorithms: [HS256, HS512], secret: [s, t], claims: {iss: me, aud: [a, b]}, max_age: 5m, leeway: 10s, body_hash: {claim: hash, encoding: base64}`},
		{"jwt", `algorithms: RS256, public_key: KEY, query: token`},
	} {
		s := verify.Scheme{Type: c.name}
		if strings.Contains(c.settings, "RS256") {
			s.JWT = &verify.JWT{Algorithms: verify.Texts{"RS256"}}
		}
		settings := strings.ReplaceAll(c.settings, "KEY", fmt.Sprintf("%q", keyFor(t, s)))
		hook := oneHook(t, "hooks: {/a: {verify: {"+c.name+": {"+settings+"}}, rules: [{run: make}]}}")
		now := time.Now()
		signed := &verify.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(`{}`), Now: now}
		if err := hook.verifier.Sign(signed); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := &Request{Method: http.MethodPost, RawQuery: signed.RawQuery, Header: signed.Header, Body: []byte(`{}`)}
		if err := hook.Verify(r, now); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		r.Header, r.RawQuery = http.Header{"X-Signature": {"AAAA"}}, "token=a.b.c"
		if hook.Verify(r, now) == nil {
			t.Errorf("%s: accepted a forged request", c.name)
		}
	}
}
