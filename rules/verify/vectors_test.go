package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
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
	ID      string            `json:"id"`
	Scheme  string            `json:"scheme"`
	Valid   bool              `json:"valid"`
	Secret  string            `json:"secret"`
	Params  map[string]string `json:"params"`
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
	}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	return r
}

// verifier compiles the vector's scheme. Vectors for basic spell user and
// password in one.
func (v vector) verifier(t *testing.T, s Scheme) *Verifier {
	t.Helper()
	secret, params := v.Secret, maps.Clone(v.Params)
	if s.Type == "basic" {
		user, password, _ := strings.Cut(v.Secret, ":")
		secret, params = password, map[string]string{"user": user}
	}
	ver, err := s.Compile([]Secret{Secret(secret)}, params)
	if err != nil {
		t.Fatal(err)
	}
	return ver
}

// allSchemes are the presets and those schemes that are not offered yet.
func allSchemes(t testing.TB) map[string]Scheme {
	t.Helper()
	schemes := decodeSchemes(t, "testdata/schemes.json")
	for name, s := range decodeSchemes(t, "presets.json") {
		if _, twice := schemes[name]; twice {
			t.Errorf("%s is in presets.json and in testdata/schemes.json; remove the latter", name)
		}
		schemes[name] = s
	}
	return schemes
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
	if len(vectors) < 200 {
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
		if !v.Valid || s.Type == "basic" {
			continue
		}
		ver, err := s.Compile([]Secret{otherSecret, Secret(v.Secret)}, nil)
		if err != nil {
			t.Fatal(v.ID, err)
		}
		if err := ver.Verify(v.request(t)); err != nil {
			t.Errorf("%s: the second of two secrets: %v", v.ID, err)
		}
	}
}

// otherSecret is a key in every spelling: text, hex and base64.
const otherSecret = Secret("00112233445566778899aabbccddeeff")

func TestVectorFilesHoldOnlyWhatIsTested(t *testing.T) {
	schemes := allSchemes(t)
	for name, s := range schemes {
		if _, ok := kinds[s.Type]; !ok {
			t.Errorf("%s: type %q is not compiled yet; it belongs to a later file", name, s.Type)
		}
	}
	for _, v := range readVectors(t) {
		if v.Source == "" {
			t.Errorf("%s has no source", v.ID)
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
