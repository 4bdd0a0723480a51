package rules

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// forged is a token that is signed with what everybody knows.
func forged(key []byte, body string) string {
	sum := sha256.Sum256([]byte(body))
	claims := fmt.Sprintf(`{"exp":%d,"request_body_sha256":%q}`, time.Now().Add(time.Minute).Unix(), base64.StdEncoding.EncodeToString(sum[:]))
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A configuration that says public_key never makes a secret of it, and one that
// says secret takes no public key, however the two are spelt.
func TestPublicKeyOfATokenIsNoSecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	bare, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for spelling, text := range map[string]string{
		"PEM":                string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"DER":                base64.StdEncoding.EncodeToString(der),
		"DER in hex":         hex.EncodeToString(der),
		"Ed25519 in hex":     hex.EncodeToString(bare),
		"Ed25519 in base64":  base64.StdEncoding.EncodeToString(bare),
		"JWK":                `{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(key.N.Bytes()) + `"}`,
		"JWK of another use": `{"keys":[{"kty":"OKP","use":"enc"}]}`,
	} {
		for _, setting := range []string{"public_key", "secret"} {
			if setting == "secret" && strings.HasPrefix(spelling, "Ed25519") {
				continue // which cannot be told from a secret
			}
			for _, verify := range []string{
				fmt.Sprintf("{jwt: {algorithms: [RS256, HS256], %s: %q}}", setting, text),
				fmt.Sprintf("{jwt: {algorithms: [HS256], %s: %q}}", setting, text),
				fmt.Sprintf("{jwt: {algorithms: [EdDSA, HS256], header: X-FusionAuth-Signature-JWT, key: base64, %s: %q}}", setting, text),
				fmt.Sprintf("{fusionauth: {%s: %q}}", setting, text),
			} {
				config, err := tryLoad(t, "hooks: {/a: {verify: "+verify+", rules: [{run: make}]}}")
				if err != nil {
					continue // it is told, and nothing is believed
				}
				if setting == "secret" {
					t.Errorf("%s: %s is taken for a secret", verify[:12], spelling)
				}
				hook := config.Set.Hooks()[0]
				raw, _ := base64.StdEncoding.DecodeString(text)
				for _, k := range [][]byte{[]byte(text), der, bare, raw} {
					token := forged(k, "{}")
					r := &Request{Method: http.MethodPost, Path: "/a", Body: []byte("{}"),
						Header: http.Header{"Authorization": {"Bearer " + token}, "X-Fusionauth-Signature-Jwt": {token}}}
					if hook.Verify(r, time.Now()) == nil {
						t.Errorf("%s: believed a token signed with the %s", verify, spelling)
					}
				}
			}
		}
	}
}

func TestTokenHasOneKindOfKey(t *testing.T) {
	for _, scheme := range []string{"jwt: {algorithms: [RS256, HS256], secret: s3cr3t, public_key: k3y}", "fusionauth: {secret: s3cr3t, public_key: k3y}"} {
		_, err := tryLoad(t, "hooks: {/a: {verify: {"+scheme+"}, rules: [{run: make}]}}")
		if err == nil || !strings.Contains(err.Error(), "secret and public_key exclude each other") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	_, err := tryLoad(t, "hooks: {/a: {verify: {fusionauth: {}}, rules: [{run: make}]}}")
	if err == nil || !strings.Contains(err.Error(), "secret is missing; write it, or public_key") {
		t.Error(err)
	}
}

func tryLoad(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Load(filepath.Join(writeFiles(t, map[string]string{"hooktender.yaml": text}), "hooktender.yaml"))
}
