package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	a.cert = a.sign(a, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.key, "authority", time.Now().Add(time.Hour))
	return a
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(by *authority, template *x509.Certificate, key crypto.Signer, name string, until time.Time) *x509.Certificate {
	a.t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = until.Add(-2*time.Hour), until
	parent := by.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue is a certificate for a name, for clients or servers.
func (a *authority) issue(name string, use x509.ExtKeyUsage, until time.Time) *tls.Certificate {
	key := newKey(a.t)
	cert := a.sign(a, &x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{use}}, key, name, until)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// below is an authority that this one vouches for.
func (a *authority) below() *authority {
	b := &authority{t: a.t, key: newKey(a.t)}
	b.cert = a.sign(a, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, b.key, "below", time.Now().Add(time.Hour))
	return b
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeServerCertificate puts a certificate for localhost where server.tls finds it.
func writeServerCertificate(t *testing.T, dir string, a *authority) {
	t.Helper()
	server := a.issue("localhost", x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
	key, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", key)
	writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", server.Certificate[0])
}

// TestClientCertificate: a real server with server.tls and a hook that wants a
// client certificate, and real connections with right and wrong ones.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	of, other := newAuthority(t), newAuthority(t)
	writeServerCertificate(t, dir, of)
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", of.cert.Raw)
	config := filepath.Join(dir, "hooktender.yaml")
	err := os.WriteFile(config, []byte(`
server: {tls: {cert: cert.pem, key: key.pem}}
hooks:
  /cert: {verify: {mtls: "${file:ca.pem}"}, rules: [{name: go, run: "true"}]}
  /named: {verify: {mtls: {ca: "${file:ca.pem}", name: monitor.example.com}}, rules: [{name: go, run: "true"}]}
  /both: {verify: {all: [{mtls: "${file:ca.pem}"}, {bearer: `+testSecret+`}]}, rules: [{name: go, run: "true"}]}
  /open: {verify: {bearer: `+testSecret+`}, rules: [{name: go, run: "true"}]}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, config, t.TempDir())

	hour := time.Now().Add(time.Hour)
	client := x509.ExtKeyUsageClientAuth
	good := of.issue("monitor.example.com", client, hour)
	between := of.below()
	chained := between.issue("monitor.example.com", client, hour)
	unchained := *chained
	chained.Certificate = append(chained.Certificate, between.cert.Raw)
	stolen := *good // without its key nobody can use a certificate
	stolen.PrivateKey = newKey(t)
	for name, c := range map[string]struct {
		cert   *tls.Certificate
		path   string
		status int
	}{
		"right":                         {good, "/cert", http.StatusAccepted},
		"right, by name":                {good, "/named", http.StatusAccepted},
		"by an authority between":       {chained, "/named", http.StatusAccepted},
		"the one between is missing":    {&unchained, "/cert", http.StatusUnauthorized},
		"another name":                  {of.issue("other.example.com", client, hour), "/named", http.StatusUnauthorized},
		"another authority":             {other.issue("monitor.example.com", client, hour), "/cert", http.StatusUnauthorized},
		"expired":                       {of.issue("monitor.example.com", client, time.Now().Add(-time.Minute)), "/cert", http.StatusUnauthorized},
		"not valid yet":                 {of.issue("monitor.example.com", client, time.Now().Add(3*time.Hour)), "/cert", http.StatusUnauthorized},
		"of a server":                   {of.issue("monitor.example.com", x509.ExtKeyUsageServerAuth, hour), "/cert", http.StatusUnauthorized},
		"none":                          {nil, "/cert", http.StatusUnauthorized},
		"without its key":               {&stolen, "/cert", 0},
		"none, where none is asked for": {nil, "/open", http.StatusAccepted},
		"another, where none is wanted": {other.issue("x", client, hour), "/open", http.StatusAccepted},
		"with the token, too":           {good, "/both", http.StatusAccepted},
		"the token without it":          {nil, "/both", http.StatusUnauthorized},
		"the token with a wrong one":    {other.issue("x", client, hour), "/both", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			post := bearer(t).with("{}")
			transport := post.client.Transport.(*http.Transport)
			transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
			transport.TLSClientConfig.RootCAs.AddCert(of.cert)
			if c.cert != nil {
				transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
			}
			a, err := post.post(t.Context(), "https://"+s.address+c.path)
			if c.status == 0 && err == nil || c.status != 0 && (err != nil || a.status != c.status) {
				t.Errorf("answered %d, %v; want %d", a.status, err, c.status)
			}
		})
	}
	resp, err := http.Post("http://"+s.address+"/open", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", resp.Status)
	}
	s.stop()
}

// TestRenewedCertificate: the running server shows the new one to whoever
// connects next.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := newAuthority(t), newAuthority(t)
	writeServerCertificate(t, dir, first)
	config := filepath.Join(dir, "hooktender.yaml")
	err := os.WriteFile(config, []byte("server: {tls: {cert: cert.pem, key: key.pem}}\n"+
		"hooks: {/open: {verify: {bearer: "+testSecret+"}, rules: [{name: go, run: \"true\"}]}}"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, config, t.TempDir())
	status := func(of *authority) (int, error) {
		post := bearer(t).with("{}")
		pool := x509.NewCertPool()
		pool.AddCert(of.cert)
		post.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "localhost"}
		a, err := post.post(t.Context(), "https://"+s.address+"/open")
		return a.status, err
	}
	if got, err := status(first); err != nil || got != http.StatusAccepted {
		t.Errorf("answered %d, %v", got, err)
	}
	writeServerCertificate(t, dir, second)
	if got, err := status(second); err != nil || got != http.StatusAccepted {
		t.Errorf("after it was renewed: %d, %v", got, err)
	}
	if _, err := status(first); err == nil {
		t.Error("the old one is shown still")
	}
	s.stop()
}
