package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules/verify"
)

// publicURL is where providers know the hooks of these tests.
const publicURL = "https://hooks.example.com"

// shared is a secret that is text, hex and base64 alike.
const shared = "8f742231b10e8888abcd99000fff85a5"

// keyPair is what send plays a provider with, and what the hook knows.
type keyPair struct{ private, public string }

func newKeyPair(t *testing.T, kind string) keyPair {
	t.Helper()
	var private crypto.Signer
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(nil)
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return keyPair{shared, shared}
	}
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	known, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{inPEM("PRIVATE KEY", secret), inPEM("PUBLIC KEY", known)}
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// keyKind is the kind of key pair that a scheme needs, "" for a secret.
func keyKind(s verify.Scheme) string {
	switch {
	case s.Symmetric():
		return ""
	case s.Type == "aws-sns":
		return "rsa"
	case s.Type == "plaid":
		return "ecdsa"
	case s.JWT != nil:
		return map[string]string{"RS256": "rsa", "ES256": "ecdsa"}[s.JWT.Algorithms[0]]
	}
	return s.Type
}

// sendable are the presets that a request can be signed for. A client
// certificate belongs to the connection.
func sendable() []string {
	return slices.DeleteFunc(verify.Presets(), func(name string) bool { return name == "mtls" })
}

// TestSendThenServe sends what there is of each provider to a server that knows
// the provider's preset, and the same signed with something else.
func TestSendThenServe(t *testing.T) {
	t.Parallel()
	good, bad := map[string]keyPair{}, map[string]keyPair{}
	for _, kind := range []string{"", "ed25519", "ecdsa", "rsa"} {
		good[kind], bad[kind] = newKeyPair(t, kind), newKeyPair(t, kind)
	}
	bad[""] = keyPair{private: strings.ReplaceAll(shared, "8f", "00")}
	config := "server: {public_url: " + publicURL + "}\nhooks:\n"
	for _, name := range sendable() {
		config += hookOf(name, good)
	}
	server := startServer(t, writeConfig(t, config), t.TempDir())
	for _, name := range sendable() {
		scheme, _ := verify.Preset(name)
		deliveries := recordedOf(name).names()
		if deliveries == nil {
			deliveries = []string{""}
		}
		for _, delivery := range deliveries {
			t.Run(name+"/"+delivery, func(t *testing.T) {
				answers(t, server, name, delivery, good[keyKind(scheme)], "200 OK")
			})
		}
		t.Run(name+"/forged", func(t *testing.T) {
			answers(t, server, name, "", bad[keyKind(scheme)], "401 Unauthorized")
		})
	}
}

// hookOf is a hook whose rule reads the payload and never fires.
func hookOf(name string, keys map[string]keyPair) string {
	scheme, _ := verify.Preset(name)
	settings := fmt.Sprintf("%s: %q", scheme.SecretName(), keys[keyKind(scheme)].public)
	for _, param := range slices.Sorted(maps.Keys(scheme.Params)) {
		if !scheme.Params[param].Optional {
			settings += fmt.Sprintf(", %s: %q", param, paramOf(param))
		}
	}
	return fmt.Sprintf("  /%s:\n    verify: {%s: {%s}}\n    rules: [{name: never, when: payload == 'never', run: 'true'}]\n", name, name, settings)
}

func paramOf(name string) string {
	if name == "topic" {
		return "arn:aws:sns:eu-west-1:123456789012:alarms"
	}
	return "of-" + name
}

func answers(t *testing.T, server *serverProcess, name, delivery string, key keyPair, want string) {
	t.Helper()
	scheme, _ := verify.Preset(name)
	o := sendOptions{to: "http://" + server.address + "/" + name, publicURL: publicURL, secret: key.private}
	for param := range scheme.Params {
		if !scheme.Params[param].Optional {
			o.params = append(o.params, param+"="+paramOf(param))
		}
	}
	if scheme.Type == "basic" {
		o.secret = paramOf("user") + ":" + o.secret
	}
	out, err := o.outgoing(&cobra.Command{}, name, delivery)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body, err := out.send(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status != want {
		t.Errorf("answered %s: %s; want %s", status, body, want)
	}
	if scheme.Respond == nil && want == "200 OK" && !strings.Contains(string(body), `"verdict":"ignored"`) {
		t.Errorf("answered %s, so no rule was asked", body)
	}
}

// TestDocumentedSends sends what docs/commands.md says to type.
func TestDocumentedSends(t *testing.T) {
	t.Parallel()
	arrived := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { arrived++ }))
	defer receiver.Close()
	r := &reader{t: t, dir: t.TempDir(), env: append(os.Environ(), "SECRET="+shared)}
	r.install()
	sent := 0
	for _, b := range blocksOf(t, "../../docs/commands.md") {
		for line := range strings.Lines(b.text) {
			if b.lang == "sh" && strings.HasPrefix(line, "hooktender send ") {
				r.do(strings.ReplaceAll(strings.TrimSpace(line), "127.0.0.1:9000", receiver.Listener.Addr().String()))
				sent++
			}
		}
	}
	if sent == 0 || arrived != sent {
		t.Errorf("%d of %d requests arrived", arrived, sent)
	}
}
