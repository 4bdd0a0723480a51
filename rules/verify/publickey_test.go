package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

func pemOf(t testing.TB, kind string, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func jwkOf(t testing.TB, pair keyPair, kid string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := pair.public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","use":"sig","kid":%q,"n":%q,"e":%q}`, kid, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"x":%q,"y":%q}`, kid, b64(point[1:33]), b64(point[33:]))
	}
	t.Fatalf("no JWK of %T", pair.public)
	return ""
}

// certificate makes one for a key, signed by another.
func certificate(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func certPEM(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

func leafOf(names ...string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names,
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func TestWeakOrOtherKeysAreRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsaPair, ecPair := testPair(t, "rsa", 0), testPair(t, "ecdsa", 0)
	tests := []struct {
		kind, text, want string
	}{
		{"rsa", pemOf(t, "PUBLIC KEY", &small.PublicKey), "less than 2048 bits"},
		{"rsa", pemOf(t, "PUBLIC KEY", ecPair.public), "number 1 is no RSA key"},
		{"ecdsa", pemOf(t, "PUBLIC KEY", rsaPair.public), "number 1 is no ECDSA key"},
		{"ed25519", pemOf(t, "PUBLIC KEY", rsaPair.public), "number 1 is no Ed25519 key"},
		{"ed25519", "abcd", "it is not 32 bytes in hex"},
		{"rsa", pemOf(t, "SOMETHING", rsaPair.public), `a PEM block "SOMETHING" holds no public key`},
		{"rsa", pemOf(t, "OPENSSH PRIVATE KEY", rsaPair.public), `a PEM block "OPENSSH PRIVATE KEY" is a private key that cannot be read here; give the public key`},
		{"rsa", pemOf(t, "ENCRYPTED PRIVATE KEY", rsaPair.public), "is a private key that cannot be read here"},
		{"ecdsa", pemOf(t, "EC PRIVATE KEY", ecPair.public), "the private key cannot be read; has it a password?"},
		{"ecdsa", privateText(t, "ecdsa"), "it is a private key, which only its owner may have"},
		{"rsa", privateText(t, "rsa"), "it is a private key, which only its owner may have"},
		{"ed25519", hex.EncodeToString(make([]byte, 64)), "it is a private key, which only its owner may have"},
		{"ed25519", privateText(t, "ed25519"), "it is not 32 bytes in hex"},
		{"rsa", `{"kty":"RSA","e":"AQAB","n":"AA","d":"AA"}`, "it is a private key, which only its owner may have"},
		{"rsa", "-----BEGIN", "no public key in it"},
		{"rsa", `{"kty":"RSA"}`, "no public key in it"},
		{"ecdsa", `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "no public key in it"},
		{"rsa", "something else", "no public key in it"},
		{"rsa", `{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 4000) + `"}`, "more than 16384 bits"},
	}
	for _, tt := range tests {
		s := Scheme{Type: tt.kind, Signature: Signature{From: Sources{"header:X-Signature"}, Encoding: "base64"}}
		if tt.kind != "ed25519" {
			s.Algorithm = "sha256"
		}
		if _, err := s.Compile([]Secret{Secret(tt.text)}, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.kind, err, tt.want)
		}
	}
}

// privateText is a private key in the base64 of its PKCS #8.
func privateText(t *testing.T, kind string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(testKeys()[kind][0].Reveal()))
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

// A private key signs in each of the PEM blocks in which OpenSSL writes it.
func TestPrivateKeysThatSign(t *testing.T) {
	ec, rsaKey := testPair(t, "ecdsa", 0), testPair(t, "rsa", 0)
	sec1, err := x509.MarshalECPrivateKey(ec.private().(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey.private().(*rsa.PrivateKey))
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	parameters := block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
	for _, tt := range []struct{ name, kind, text string }{
		{"SEC 1", "ecdsa", block("EC PRIVATE KEY", sec1)},
		{"SEC 1 behind its parameters", "ecdsa", parameters + block("EC PRIVATE KEY", sec1)},
		{"PKCS #1", "rsa", block("RSA PRIVATE KEY", pkcs1)},
	} {
		s := Scheme{Type: tt.kind, Algorithm: "sha256", Signature: Signature{From: Sources{"header:X-Signature"}, Encoding: "base64"}}
		v, err := s.Compile([]Secret{Secret(tt.text)}, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if err := compile(t, s).Verify(mustSign(t, v, newRequest())); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A public key is read in every spelling in which providers hand it out.
func TestSpellingsOfAPublicKey(t *testing.T) {
	pair := testPair(t, "ecdsa", 0)
	der, err := x509.MarshalPKIXPublicKey(pair.public)
	if err != nil {
		t.Fatal(err)
	}
	leaf := certificate(t, leafOf(), leafOf(), pair.public, pair.private())
	s, _ := Preset("sendgrid")
	signed := mustSign(t, compile(t, s), newRequest())
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(der), pemOf(t, "PUBLIC KEY", pair.public), certPEM(leaf), jwkOf(t, pair, "x"), "{\"keys\":[" + jwkOf(t, pair, "x") + "]}",
	} {
		v, err := s.Compile([]Secret{Secret(text)}, nil)
		if err != nil {
			t.Errorf("%.20s: %v", text, err)
			continue
		}
		if err := v.Verify(signed.clone()); err != nil {
			t.Errorf("%.20s: %v", text, err)
		}
		if v.Sign(newRequest()) == nil {
			t.Error("signed with a public key")
		}
	}
}

// Whoever sends may name the place of a certificate, but not whose it is.
func TestOnlyTheProvidersHostIsAsked(t *testing.T) {
	pair := testPair(t, "rsa", 0)
	s, _ := Preset("aws-sns")
	v, err := s.Compile(nil, testParams())
	if err != nil {
		t.Fatal(err)
	}
	signer := compile(t, s)
	good := "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abc.pem"
	cert := func(change func(*x509.Certificate)) string {
		leaf := leafOf("sns.amazonaws.com")
		change(leaf)
		return certPEM(certificate(t, leaf, leaf, pair.public, pair.private()))
	}
	fine := cert(func(*x509.Certificate) {})
	tests := []struct {
		name, url, cert, reason string
	}{
		{"the provider's", good, fine, ""},
		{"China's", "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123abc.pem", fine, ""},
		{"another host", "https://example.com/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"a host that begins so", "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"two labels", "https://sns.a.b.amazonaws.com/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"a bucket", "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"a user that looks like the host", "https://sns.eu-west-1.amazonaws.com@example.com/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"without TLS", "http" + strings.TrimPrefix(good, "https"), fine, "not the provider's"},
		{"another port", "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"a query", good + "?x=1", fine, "not the provider's"},
		{"another path", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription", fine, "not the provider's"},
		{"a path through another", "https://sns.eu-west-1.amazonaws.com/x/../SimpleNotificationService-0123abc.pem", fine, "not the provider's"},
		{"expired", good, cert(func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Second) }), "not valid at this time"},
		{"another name", good, cert(func(c *x509.Certificate) { c.DNSNames = []string{"example.com"} }), "not one for signing messages"},
		{"not a certificate", good, "hello", "no key to believe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := mustSign(t, signer, newRequest())
			if err := setJSONValue(r, []string{"SigningCertURL"}, tt.url); err != nil {
				t.Fatal(err)
			}
			f := &fetcher{documents: map[string][]string{tt.url: {tt.cert}}}
			r.Keys = f
			err := v.Verify(r)
			checkVerdict(t, err, tt.reason == "")
			if err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%v, want %q", err, tt.reason)
			}
			if tt.reason == "not the provider's" && len(f.asked) > 0 {
				t.Errorf("asked for %s", f.asked[0].URL)
			}
		})
	}
}

func TestSNSWantsItsTopic(t *testing.T) {
	s, _ := Preset("aws-sns")
	if _, err := s.Compile(nil, nil); err == nil || !strings.Contains(err.Error(), "topic: missing") {
		t.Errorf("compiled without a topic: %v", err)
	}
	params := testParams()
	params["topic"] = testTopic + "2"
	other, err := s.Compile([]Secret{testKeys()["rsa"][0]}, params)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Verify(mustSign(t, compile(t, s), newRequest())); err == nil || !strings.Contains(err.Error(), "another topic") {
		t.Errorf("another topic: %v", err)
	}
}

func TestMTLS(t *testing.T) {
	ca, leafPair := testPair(t, "ecdsa", 0), testPair(t, "ecdsa", 1)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	root = certificate(t, root, root, ca.public, ca.private())
	template := leafOf("monitor.example.com")
	spiffe, _ := url.Parse("spiffe://example.com/monitor")
	template.URIs = []*url.URL{spiffe}
	leaf := certificate(t, template, root, leafPair.public, ca.private())
	own := certificate(t, leafOf("monitor.example.com"), leafOf("monitor.example.com"), leafPair.public, leafPair.private())
	rfc9440 := func(c *x509.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":" }
	nginx := func(c *x509.Certificate) string { return strings.ReplaceAll(url.PathEscape(certPEM(c)), "+", "%2B") }
	type headers = map[string]string
	tests := []struct {
		name    string
		want    string // the certificate's name
		peer    []*x509.Certificate
		header  headers
		trusted bool
		after   time.Duration
		reason  string
		named   string // the header, as the hook has it
	}{
		{"on the connection", "", []*x509.Certificate{leaf}, nil, false, 0, "", ""},
		{"by its URI", "spiffe://example.com/monitor", []*x509.Certificate{leaf}, nil, false, 0, "", ""},
		{"through a proxy", "monitor.example.com", nil, headers{"Client-Cert": rfc9440(leaf)}, true, 0, "", ""},
		{"through nginx", "monitor.example.com", nil, headers{"X-Client-Cert": nginx(leaf)}, true, 0, "", "x-client-cert"},
		{"a header from anybody", "", nil, headers{"Client-Cert": rfc9440(leaf)}, false, 0, "no certificate", ""},
		{"the proxy's own certificate", "", []*x509.Certificate{leaf}, nil, true, 0, "no certificate", ""},
		{"nothing", "", nil, nil, false, 0, "no certificate", ""},
		{"of no CA", "", []*x509.Certificate{own}, nil, false, 0, "not one of the CA", ""},
		{"expired", "", []*x509.Certificate{leaf}, nil, false, 2 * time.Hour, "not valid now", ""},
		{"another name", "other.example.com", []*x509.Certificate{leaf}, nil, false, 0, "another name", ""},
		{"the name of its subject, beside others", "leaf", []*x509.Certificate{leaf}, nil, false, 0, "another name", ""},
		{"not readable", "", nil, headers{"Client-Cert": ":!:"}, true, 0, "no certificate that can be read", ""},
		{"in a header of the proxy's own", "", nil, headers{"Ssl-Client-Cert": nginx(leaf)}, true, 0, "", "ssl-client-cert"},
		{"in a header that the hook does not name", "", nil, headers{"X-Client-Cert": nginx(leaf)}, true, 0, "have the proxy remove", ""},
		{"in the stranger's header, where the proxy's is absent", "", nil, headers{"Client-Cert": rfc9440(leaf)}, true, 0, "have the proxy remove", "X-Client-Cert"},
		{"in the stranger's header beside the proxy's", "", nil, headers{"Client-Cert": rfc9440(leaf), "X-Client-Cert": nginx(own)}, true, 0, "have the proxy remove", "X-Client-Cert"},
		{"in the proxy's header beside a stranger's", "", nil, headers{"Client-Cert": rfc9440(leaf), "X-Client-Cert": nginx(leaf)}, true, 0, "have the proxy remove", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := Preset("mtls")
			v, err := s.Compile([]Secret{Secret(certPEM(root))}, map[string]string{"name": tt.want, "header": tt.named})
			if err != nil {
				t.Fatal(err)
			}
			r := newRequest()
			r.Peer, r.Trusted, r.Now = tt.peer, tt.trusted, testNow.Add(tt.after)
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			err = v.Verify(r)
			checkVerdict(t, err, tt.reason == "")
			if err != nil && !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%v, want %q", err, tt.reason)
			}
			if v.Sign(r) == nil {
				t.Error("signed a request with a certificate")
			}
		})
	}
	s, _ := Preset("mtls")
	if _, err := s.Compile([]Secret{Secret(certPEM(root))}, map[string]string{"header": "X Client"}); err == nil || !strings.Contains(err.Error(), "header: ") {
		t.Errorf("a header that is none: %v", err)
	}
}

// What a provider serves, and what a proxy passes on, may be anything.
func FuzzKeys(f *testing.F) {
	pair := testPair(f, "ecdsa", 0)
	leaf := certificate(f, leafOf(), leafOf(), pair.public, pair.private())
	for _, seed := range []string{
		"", "{", `{"keys":[{}]}`, `{"keys":[` + jwkOf(f, pair, "x") + `]}`, jwkOf(f, testPair(f, "rsa", 0), "x"), pemOf(f, "PUBLIC KEY", pair.public), certPEM(leaf),
		":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":", "-----BEGIN RSA PUBLIC KEY-----", "%2D%2D%2D", ":", "::",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pairs, err := parseKeys(text, validAt(testNow, nil))
		for _, p := range pairs {
			if p.public == nil || err != nil {
				t.Errorf("%q: a key that is none, %v", text, err)
			}
			for _, a := range jwtAlgorithms {
				if a.verify != nil && a.verify(p.public, []byte("signed"), []byte(text)) {
					t.Errorf("%q verifies itself", text)
				}
			}
		}
		if der, err := certificateBytes(text); err == nil {
			_, _ = x509.ParseCertificate(der)
		}
	})
}
