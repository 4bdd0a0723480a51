package notify

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A standIn is a service as its documents say it is: it refuses what the real one
// refuses. What it took, it keeps.
type standIn struct {
	*httptest.Server
	mu     sync.Mutex
	took   []map[string]any
	asked  int
	answer func(http.ResponseWriter) bool // in place of the service, if it returns true
}

// A refusal is what a service says of a request that it does not take.
type refusal struct {
	status int
	body   string
}

// newStandIn serves a service. check says what is wrong with a request, and ok
// answers one that is right.
func newStandIn(t testing.TB, check func(*http.Request, []byte) *refusal, ok func(http.ResponseWriter)) *standIn {
	s := &standIn{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if s.answer != nil && s.answer(w) {
			return
		}
		no := readable(r, body)
		if no == nil {
			no = check(r, body)
		}
		if no != nil {
			w.WriteHeader(no.status)
			_, _ = io.WriteString(w, no.body)
			return
		}
		var document map[string]any
		if err := json.Unmarshal(body, &document); err != nil {
			t.Error(err)
		}
		s.took = append(s.took, document)
		ok(w)
	}))
	t.Cleanup(s.Close)
	return s
}

// readable refuses what no service reads.
func readable(r *http.Request, body []byte) *refusal {
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return &refusal{415, "content type"}
	case !utf8.Valid(body) || !json.Valid(body):
		return &refusal{400, "not JSON in UTF-8"}
	case r.Header.Get("User-Agent") != "hooktender/test":
		return &refusal{400, "no user agent"}
	}
	return nil
}

// only is the one message that was taken.
func (s *standIn) only(t testing.TB) map[string]any {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) != 1 {
		t.Fatalf("%d messages were taken, want 1", len(s.took))
	}
	return s.took[0]
}

// fields reads a body strictly: a field that the service does not know is refused.
func fields[T any](body []byte) (v T, no *refusal) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return v, &refusal{400, err.Error()}
	}
	return v, nil
}

// long says of the texts which are longer than they may be, or empty.
func long(texts map[string]string, limits map[string]int) error {
	for name, text := range texts {
		kind, _, _ := strings.Cut(name, " ")
		if n := len(utf16.Encode([]rune(text))); n > limits[kind] || n == 0 {
			return fmt.Errorf("%s has %d characters, may have 1 to %d", name, n, limits[kind])
		}
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0x202a && r <= 0x202e }) {
			return fmt.Errorf("%s has control characters: %q", name, text)
		}
	}
	return nil
}

// answering makes a stand-in that says the same to everybody.
func answering(t testing.TB, status int, header map[string]string, body string) *standIn {
	s := newStandIn(t, func(*http.Request, []byte) *refusal { return nil }, func(http.ResponseWriter) {})
	s.answer = func(w http.ResponseWriter) bool {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
	return s
}
