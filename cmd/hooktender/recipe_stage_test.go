package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A staged is a recipe that is served where it leads to stand-ins.
type staged struct {
	*serverProcess
	dir    string
	typist *reader
	words  *strings.Replacer // of the recipe, for those that hold here
}

// stage serves a copy of examples/NAME in which each old text of the configuration
// is replaced by the new one behind it. What is not there to be replaced fails the
// test.
func stage(t *testing.T, name string, replace []string, env ...string) *staged {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS("../../examples/"+name)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hooktender.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("examples/%s says nothing of %q", name, replace[i])
		}
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	// Nobody but the stand-ins is to be asked, whatever the environment says.
	env = append(env, "NO_PROXY=*", "no_proxy=*")
	s := &staged{serverProcess: startServer(t, dir, t.TempDir(), env...), dir: dir}
	s.words = strings.NewReplacer(append(replace, "127.0.0.1:9000", s.address)...)
	s.typist = &reader{t: t, dir: dir, env: append(os.Environ(), env...)}
	s.typist.install()
	return s
}

// types does what somebody types in the recipe's folder.
func (s *staged) types(commands string) {
	s.t.Helper()
	s.typist.do(s.words.Replace(commands))
}

// readme types what the recipe's README says.
func (s *staged) readme() {
	s.t.Helper()
	for _, b := range blocksOf(s.t, filepath.Join(s.dir, "README.md")) {
		if b.lang == "sh" {
			s.types(b.text)
		}
	}
}

// A standInServer is a service as its documents say it is: it refuses what the real one
// refuses, and hands the test what it took.
type standInServer struct {
	*httptest.Server
	t    *testing.T
	took chan standInPost
}

type standInPost struct {
	path string
	body map[string]any
}

// A rejection is what a service says of a request that it does not take.
type rejection struct {
	status int
	body   string
}

// newStandIn serves a service that takes JSON. wrong says what is wrong with a
// request; who sends one that is refused fails the test.
func newStandIn(t *testing.T, status int, answer string, wrong func(*http.Request, []byte) *rejection) *standInServer {
	s := &standInServer{t: t, took: make(chan standInPost, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		post := standInPost{path: r.URL.Path}
		no := wrong(r, body)
		switch {
		case no != nil:
		case r.Method != http.MethodPost:
			no = &rejection{http.StatusMethodNotAllowed, r.Method}
		case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			no = &rejection{http.StatusUnsupportedMediaType, "no JSON"}
		case !strings.HasPrefix(r.Header.Get("User-Agent"), "hooktender/"):
			no = &rejection{http.StatusForbidden, "no user agent"} // GitHub and Discord want one
		case json.Unmarshal(body, &post.body) != nil:
			no = &rejection{http.StatusBadRequest, "JSON that cannot be read"}
		}
		if no != nil {
			t.Errorf("%s %s is refused: %d %s\n%s", r.Method, r.URL.Path, no.status, no.body, body)
			w.WriteHeader(no.status)
			_, _ = io.WriteString(w, no.body)
			return
		}
		s.took <- post
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

// next is what comes next.
func (s *standInServer) next() standInPost {
	s.t.Helper()
	return nextOf(s.t, s.took)
}

// nothing fails the test if something has come that was not looked at.
func (s *standInServer) nothing() {
	s.t.Helper()
	for len(s.took) > 0 {
		s.t.Errorf("one too many: %v", <-s.took)
	}
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

func nextOf[T any](t *testing.T, from chan T) (one T) {
	t.Helper()
	select {
	case one = <-from:
	case <-time.After(patience):
		t.Fatalf("nothing came in %v", patience)
	}
	return one
}

// certified is TLS with a certificate for 127.0.0.1 that vouches for itself, and
// the file by which SSL_CERT_FILE makes others trust it.
func certified(t *testing.T, until time.Time) (*tls.Config, string) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, file, "CERTIFICATE", der)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}
