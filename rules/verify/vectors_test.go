package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A vector is a request with its expected verdict. "published" ones are printed
// in a provider's documentation or in the tests of an SDK, see source; "derived"
// ones are a published one with one thing changed. The values come from sources
// under MIT, Apache or BSD licences. Expectations are not ours to edit.
type vector struct {
	ID     string `json:"id"`
	Scheme string `json:"scheme"`
	Valid  bool   `json:"valid"`
	Secret string `json:"secret"`
	Public string `json:"public_key"`
	Params struct {
		WebhookID string          `json:"webhook_id"`
		PublicKey string          `json:"public_key"`
		CertPEM   string          `json:"cert_pem"`
		JWK       json.RawMessage `json:"jwk"`
	} `json:"params"`
	Kind    string            `json:"kind"`
	Origin  string            `json:"origin"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	BodyB64 []byte            `json:"body_b64"`
	Now     float64           `json:"now"`
	Source  string            `json:"source"`
}

func (v vector) request(t *testing.T) *Request {
	t.Helper()
	u, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &Request{
		Method:   v.Method,
		URL:      v.URL,
		Path:     u.Path,
		RawQuery: u.RawQuery,
		Header:   http.Header{},
		Body:     append([]byte(v.Body), v.BodyB64...),
		Now:      time.UnixMilli(int64(v.Now * 1000)),
		Keys: served{
			v.Headers["PAYPAL-CERT-URL"]:                            v.Public,
			readJSON([]byte(v.Body)).at([]string{"SigningCertURL"}): v.Params.CertPEM,
		},
	}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	return r
}

// secrets are what the hook would be given. Vectors for basic spell user and
// password in one; those of fetched keys have the document that is fetched.
func (v vector) secrets(s *Scheme) ([]Secret, map[string]string) {
	params := map[string]string{
		"webhook_id": v.Params.WebhookID, "public_key": v.Params.PublicKey,
		"topic": readJSON([]byte(v.Body)).at([]string{"TopicArn"}),
	}
	switch {
	case s.Type == "basic":
		user, password, _ := strings.Cut(v.Secret, ":")
		return []Secret{Secret(password)}, map[string]string{"user": user}
	case v.Scheme == "paypal" || v.Scheme == "aws-sns":
		return nil, params
	case v.Params.JWK != nil:
		if key := readJSON(v.Params.JWK); key.at([]string{"kty"}) == "oct" {
			s.Key = "base64"
			return []Secret{Secret(key.at([]string{"k"}))}, params
		}
		return []Secret{Secret(v.Params.JWK)}, params
	case v.Public != "":
		return []Secret{Secret(v.Public)}, params
	}
	return []Secret{Secret(v.Secret)}, params
}

func (v vector) verifier(t *testing.T, s Scheme, also ...Secret) *Verifier {
	t.Helper()
	secrets, params := v.secrets(&s)
	ver, err := s.Compile(append(also, secrets...), params)
	if err != nil {
		t.Fatal(v.ID, err)
	}
	return ver
}

// served has the one document that a vector's provider publishes.
type served map[string]string

func (s served) Fetch(d Document, _ bool) ([]byte, error) {
	if text, ok := s[d.URL]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("asked for %s", d.URL)
}

// allSchemes are the presets.
func allSchemes(t testing.TB) map[string]Scheme {
	t.Helper()
	return decodeSchemes(t, "presets.json")
}

// decodeSchemes refuses a misspelt setting, which would otherwise be a
// protection that is not there.
func decodeSchemes(t testing.TB, file string) map[string]Scheme {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	schemes := map[string]Scheme{}
	if err := d.Decode(&schemes); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return schemes
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestVectors(t *testing.T) {
	schemes := allSchemes(t)
	vectors := readVectors(t)
	if len(vectors) < 282 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			s, ok := schemes[v.Scheme]
			if !ok {
				t.Fatalf("no scheme %q", v.Scheme)
			}
			err := v.verifier(t, s).Verify(v.request(t))
			checkVerdict(t, err, v.Valid)
			if t.Failed() {
				t.Logf("source: %s", v.Source)
			}
		})
	}
}

// checkVerdict also insists that whatever is not genuine is a *Rejection.
func checkVerdict(t *testing.T, err error, valid bool) {
	t.Helper()
	var rejection *Rejection
	switch {
	case valid && err != nil:
		t.Errorf("rejected a genuine request: %v", err)
	case !valid && err == nil:
		t.Error("accepted a forged request")
	case !valid && (!errors.As(err, &rejection) || rejection.Reason == ""):
		t.Errorf("error is %T %v, want a *Rejection with a reason", err, err)
	}
}

// What a published vector proves must not depend on the one secret in use.
func TestVectorsWhileRotating(t *testing.T) {
	schemes := allSchemes(t)
	for _, v := range readVectors(t) {
		s := schemes[v.Scheme]
		if !v.Valid || s.Type == "basic" || s.Keys != nil {
			continue
		}
		ver := v.verifier(t, s, secretFor(s, otherSecret))
		if err := ver.Verify(v.request(t)); err != nil {
			t.Errorf("%s: the second of two secrets: %v", v.ID, err)
		}
	}
}

// otherSecret is a key in every spelling: text, hex and base64.
const otherSecret = Secret("00112233445566778899aabbccddeeff")

// What people are told of how a preset is tested is what the vectors show.
func TestEvidence(t *testing.T) {
	found := map[string]Evidence{}
	for _, v := range readVectors(t) {
		if v.Source == "" {
			t.Errorf("%s has no source", v.ID)
		}
		e := ByConstruction
		switch {
		case v.Kind == "published" && v.Origin == "third-party-tests":
			e = ByOthers
		case v.Kind == "published":
			e = ByProvider
		case v.Kind == "sdk-generated":
			e = BySDK
		}
		strength := []Evidence{"", ByConstruction, BySDK, ByOthers, ByProvider}
		if v.Valid && slices.Index(strength, e) > slices.Index(strength, found[v.Scheme]) {
			found[v.Scheme] = e
		}
	}
	for name, s := range allSchemes(t) {
		if want := cmp.Or(found[name], ByConstruction); s.Tested != want {
			t.Errorf("%s says tested: %q, and the vectors show %q", name, s.Tested, want)
		}
	}
}

// Whoever sets up a preset finds all that it needs.
func TestPresetsAreDescribed(t *testing.T) {
	for name, s := range allSchemes(t) {
		if s.Title == "" || s.Setup == "" {
			t.Errorf("%s has no title or setup", name)
		}
		for _, h := range s.Handshake {
			if _, ok := FindHandshake(h); !ok {
				t.Errorf("%s: there is no handshake %q", name, h)
			}
		}
		for param, p := range s.Params {
			if p.About == "" {
				t.Errorf("%s: %s is not described", name, param)
			}
		}
	}
}

func TestPresets(t *testing.T) {
	names := Presets()
	if !slices.IsSorted(names) || !slices.Contains(names, "github") {
		t.Errorf("Presets() = %v, want a sorted list with github", names)
	}
	if _, ok := Preset("no-such-provider"); ok {
		t.Error("found a preset that does not exist")
	}
	a, _ := Preset("gitlab")
	a.ID[0] = "changed"
	if b, _ := Preset("gitlab"); b.ID[0] == "changed" {
		t.Error("callers share one scheme: a change by one is seen by all")
	}
}
