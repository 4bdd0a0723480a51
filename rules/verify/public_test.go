package verify

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"slices"
	"testing"
)

// publicTexts are keys that everybody knows, in the spellings in which they are
// handed out.
func publicTexts(t testing.TB) map[string]string {
	t.Helper()
	texts := map[string]string{
		"SSH":         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1hpuKXzXSzmPHXM8kSjgJq4E4Lcr5jmWLl2BzRZ5tq ada",
		"whpk":        "whpk_" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"weak JWK":    `{"kty":"RSA","e":"AQAB","n":"AQAB"}`,
		"odd JWK":     `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		"JWKS of enc": `{"keys":[{"kty":"OKP","use":"enc"}]}`,
		// secp256k1, which Go does not know
		"odd DER": "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEgQMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw==",
	}
	for kind := range testKeys() {
		pair := testPair(t, kind, 0)
		der, err := x509.MarshalPKIXPublicKey(pair.public)
		if err != nil {
			t.Fatal(err)
		}
		inPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		texts[kind+" PEM"] = inPEM
		texts[kind+" PEM behind words"] = "subject=me\n" + inPEM
		texts[kind+" PEM in base64"] = base64.StdEncoding.EncodeToString([]byte(inPEM))
		texts[kind+" DER in base64"] = base64.StdEncoding.EncodeToString(der)
		texts[kind+" DER in base64url"] = base64.RawURLEncoding.EncodeToString(der)
		texts[kind+" DER in lines"] = " " + base64.StdEncoding.EncodeToString(der[:30]) + "\n" + base64.StdEncoding.EncodeToString(der[30:])
		texts[kind+" DER in hex"] = hex.EncodeToString(der)
		texts[kind+" certificate"] = base64.StdEncoding.EncodeToString(certificate(t, leafOf(), leafOf(), pair.public, pair.private()).Raw)
		if kind != "ed25519" {
			texts[kind+" JWK"] = jwkOf(t, pair, "x")
			texts[kind+" JWKS"] = `{"keys":[` + jwkOf(t, pair, "x") + `]}`
		}
		if kind == "rsa" {
			block, _ := pem.Decode([]byte(pemOf(t, "RSA PUBLIC KEY", pair.public)))
			texts["PKCS #1"] = base64.StdEncoding.EncodeToString(block.Bytes)
		}
	}
	return texts
}

// keepsSecrets reports whether a proof has a key that both sides know.
func keepsSecrets(p proof) bool {
	switch p := p.(type) {
	case *jwt:
		return slices.ContainsFunc(p.keys, func(k jwtKey) bool { return k.secret != nil })
	case *signed:
		return slices.ContainsFunc(p.keys, func(k key) bool { _, is := k.(*digestKey); return is })
	}
	return false
}

// What everybody knows is never what an HMAC is made with, whatever the scheme
// and whichever setting holds it (RFC 8725, section 2.1).
func TestPublicKeyIsNeverASecret(t *testing.T) {
	schemes := maps.Clone(allSchemes(t))
	delete(schemes, "mtls")
	for name, algorithms := range map[string]Texts{"HS": {"HS256"}, "HS and RS": {"RS256", "HS256"}, "all": {"HS256", "RS256", "ES256", "EdDSA"}} {
		for _, spelling := range []string{"", "base64", "hex"} {
			schemes["jwt of "+name+" "+spelling] = Scheme{Type: "jwt", Key: spelling, JWT: &JWT{Algorithms: algorithms}}
			schemes["hmac "+spelling] = hmacScheme(func(s *Scheme) { s.Key = spelling })
		}
	}
	schemes["hash"] = hmacScheme(func(s *Scheme) { s.Type, s.Signed = "hash", "{body}{secret}" })
	texts := publicTexts(t)
	raw := []byte(testPair(t, "ed25519", 0).public.(ed25519.PublicKey))
	for name, s := range schemes {
		if s.Type == "basic" {
			continue // which has a password
		}
		for kind, text := range texts {
			v, err := s.Compile([]Secret{Secret(text)}, testParams())
			if err == nil && (s.Symmetric() || keepsSecrets(v.proof)) {
				t.Errorf("%s: %s became a secret", name, kind)
			}
		}
		if s.Type != "jwt" {
			continue
		}
		s.Public = true
		texts := maps.Clone(texts)
		texts["bare, in hex"], texts["bare, in base64"] = hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)
		for kind, text := range texts {
			if v, err := s.Compile([]Secret{Secret(text)}, testParams()); err == nil && keepsSecrets(v.proof) {
				t.Errorf("%s: %s under public_key became a secret", name, kind)
			}
		}
	}
}
