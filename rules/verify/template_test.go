package verify

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	s := hmacScheme(func(s *Scheme) {
		s.ID = Sources{"header:X-Id"}
		s.Timestamp = &Timestamp{From: Sources{"header:X-Time"}}
	})
	r := &Request{
		Method: "PUT", URL: "https://example.com/h?a=1", Path: "/h", RawQuery: "a=1",
		Header: http.Header{"X-Id": {"id-1"}, "X-Time": {"1700000000"}, "Content-Type": {urlencoded}},
		Body:   []byte("b=2&a=1&b=1+1"),
	}
	jsonRequest := r.clone()
	jsonRequest.Header.Set("Content-Type", "application/json")
	jsonRequest.Body = []byte(`{"a":{"b":[1,{"c":true}]},"n":9007199254740993,"s":"é\n"}`)

	tests := []struct {
		text string
		r    *Request
		want string
	}{
		{"v0:{timestamp}:{body}", r, "v0:1700000000:b=2&a=1&b=1+1"},
		{"{id}.{timestamp}", r, "id-1.1700000000"},
		{"{secret}{method}{url}{path}", r, "keyPUThttps://example.com/h?a=1/h"},
		{"{header:x-id}|{query:a}|{form:a}|{param:p}", r, "id-1|1|1|v"},
		{"{form_sorted}", r, "a1b2b1 1"},
		{"{json:a.b.0},{json:a.b.1.c},{json:n},{json:s}", jsonRequest, "1,true,9007199254740993,é\n"},
		{"{body_crc32}", &Request{Body: []byte("123456789")}, "3421780262"},
		{"{body_sha256}", &Request{}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"} {body}", &Request{Body: []byte("x")}, "} x"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			c := newCompiler(s, map[string]string{"p": "v"})
			m := message{c.template("signed", tt.text), evidence{Request: tt.r}}
			if len(c.problems) > 0 {
				t.Fatal(c.problems)
			}
			var out bytes.Buffer
			if err := m.writeTo(&out, []byte("key")); err != nil || out.String() != tt.want {
				t.Errorf("%q, %v; want %q", out.String(), err, tt.want)
			}
		})
	}
}

func newCompiler(s Scheme, params map[string]string) *compiler {
	c := &compiler{scheme: s, secrets: []Secret{testSecret}, params: params}
	c.idFrom = c.sources("id", s.ID)
	c.clock()
	return c
}

// What a message lacks is a reason to reject: an absent value that counted as
// an empty one would let two different requests have one signature.
func TestTemplateNeedsItsValues(t *testing.T) {
	for text, want := range map[string]string{
		"{header:X-Id}":           "no X-Id header",
		"{query:a}":               "no a in the query",
		"{form:a}":                "no form field a",
		"{json:a.b}":              "no a.b in the JSON body",
		"{url}{body}":             "public URL, and none is configured",
		"{body}{form_sorted}{id}": "no X-Delivery header or id in the JSON body",
	} {
		s := hmacScheme(func(s *Scheme) { s.Signed, s.ID = text, Sources{"header:X-Delivery", "json:id"} })
		r := &Request{Header: http.Header{"X-Signature": {"ab"}}}
		err := compile(t, s).Verify(r)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestJSONPath(t *testing.T) {
	body := `{"a":{"b":"x","0":"key"},"list":[{"id":7},null,[true]],"n":1e400,"e":"","nil":null,"dup":1,"dup":2}`
	for path, want := range map[string]string{
		"a.b": "x", "a.0": "key", "list.0.id": "7", "list.2.0": "true", "n": "1e400",
		"a": "", "list": "", "list.1": "", "list.3": "", "list.-1": "", "list.+2.0": "", "list.02.0": "", "e": "", "nil": "",
		"dup": "", "a.b.c": "", "A.b": "", "list.0.id.0": "", "x.y": "",
	} {
		if got := jsonBody([]byte(body)).at(strings.Split(path, ".")...); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
}

func TestJSONOdd(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100_000)
	for _, body := range []string{"", " ", "{", "[", `"`, "nul", "NaN", "{\"a\":1}x", "\x00", "\xff\xfe", "\ufeff{}", deep, strings.Repeat("[", 1e6)} {
		if got := jsonBody([]byte(body)).at("a"); got != "" {
			t.Errorf("%.20q: a = %q", body, got)
		}
	}
}

func TestSetJSON(t *testing.T) {
	tests := []struct{ body, path, want string }{
		{"", "a.b", `{"a":{"b":"v"}}`},
		{`{"id":9007199254740993,"h":"<b>"}`, "t", `{"h":"<b>","id":9007199254740993,"t":"v"}`},
		{`[{"a":1}]`, "0.a", `[{"a":"v"}]`},
		{`[]`, "0.a", ""},
		{`{"a":1}`, "a.b", ""},
		{`{`, "a", ""},
	}
	for _, tt := range tests {
		got, err := setJSON([]byte(tt.body), strings.Split(tt.path, "."), "v")
		if string(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s at %s: %s, %v; want %s", tt.body, tt.path, got, err, tt.want)
		}
	}
}
