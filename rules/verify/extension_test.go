package verify

import (
	"crypto/sha256"
	std "encoding"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// extend continues a SHA-256 of a message of that length without knowing it. It
// returns what has to stand behind the message, and the hash of both.
func extend(t *testing.T, sum string, length int, suffix string) (glue, extended string) {
	t.Helper()
	state, err := hex.DecodeString(sum)
	if err != nil {
		t.Fatal(err)
	}
	glue = "\x80" + strings.Repeat("\x00", (55-length%64+64)%64)
	glue += string(binary.BigEndian.AppendUint64(nil, uint64(length)*8))
	h := sha256.New()
	saved := append([]byte("sha\x03"), state...)
	saved = append(saved, make([]byte, 64)...)
	saved = binary.BigEndian.AppendUint64(saved, uint64(length+len(glue)))
	if err := h.(std.BinaryUnmarshaler).UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	h.Write([]byte(suffix))
	return glue, hex.EncodeToString(h.Sum(nil))
}

// Who has seen one request that is signed with a plain hash can make another,
// but not one that is believed.
func TestHashIsNotContinued(t *testing.T) {
	const header = "X-Hubspot-Signature"
	t.Run("in the body", func(t *testing.T) {
		for _, name := range []string{"hubspot-v1", "hubspot-v2"} {
			v := preset(t, name)
			genuine := mustSign(t, v, newRequest())
			if err := v.Verify(genuine.clone()); err != nil {
				t.Fatal(err)
			}
			length := len(testSecret) + len(genuine.Body)
			if name == "hubspot-v2" {
				length += len(genuine.Method) + len(genuine.URL)
			}
			suffix := "\r\n--b\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\n1\r\n--b--\r\n"
			glue, sum := extend(t, genuine.Header.Get(header), length, suffix)
			forged := genuine.clone()
			forged.Body = append(forged.Body, glue+suffix...)
			forged.Header.Set(header, sum)
			forged.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			err := v.Verify(forged)
			checkVerdict(t, err, false)
			if err != nil && !strings.Contains(err.Error(), "is no text") { // or the test is wrong
				t.Errorf("%s: %v", name, err)
			}
			if s, _ := Preset(name); s.Content != "json" {
				t.Errorf("%s is read as %q", name, s.Content)
			}
		}
	})
	t.Run("in a field that is escaped", func(t *testing.T) {
		for place, set := range map[string]func(r *Request, value string){
			"form:payload": func(r *Request, value string) { r.Body = []byte(url.Values{"payload": {value}}.Encode()) },
			"query:x":      func(r *Request, value string) { r.RawQuery = url.Values{"x": {value}}.Encode() },
		} {
			s := Scheme{Type: "hash", Algorithm: "sha256", Signature: Signature{From: Sources{"header:" + header}}, Signed: "{secret}{" + place + "}"}
			v := compile(t, s)
			r := newRequest()
			r.Header = http.Header{"Content-Type": {urlencoded}}
			set(r, "known")
			genuine := mustSign(t, v, r)
			glue, sum := extend(t, genuine.Header.Get(header), len(testSecret)+len("known"), "more")
			forged := genuine.clone()
			set(forged, "known"+glue+"more")
			forged.Header.Set(header, sum)
			err := v.Verify(forged)
			checkVerdict(t, err, false)
			if err != nil && !strings.Contains(err.Error(), "is no text") {
				t.Errorf("%s: %v", place, err)
			}
		}
	})
}

func TestDoubts(t *testing.T) {
	for signed, want := range map[string]string{
		"{body}":                      "",
		"":                            "",
		"{timestamp}.{body_sha256}":   "",
		"{form_sorted}":               "",
		"{form:payload}":              "",
		"{timestamp}":                 "the body is not signed",
		"{id}.{header:X-Topic}":       "the body is not signed",
		"{json:a.b}":                  "of the body only these values are signed",
		"{json:a.b}{body}":            "",
		"{secret}{body}":              "can be continued",
		"{param:app}{secret}{body}":   "can be continued",
		"{body}{secret}":              "",
		"{body}.{secret}.{param:app}": "",
	} {
		doubts := Scheme{Type: "hash", Signed: signed}.Doubts()
		if len(doubts) > 1 || len(doubts) == 1 != (want != "") || want != "" && !strings.Contains(doubts[0].What, want) {
			t.Errorf("%s: %v, want %q", signed, doubts, want)
		}
	}
}
