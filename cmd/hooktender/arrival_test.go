package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	for _, test := range []struct{ name, text, path, query, body, problem string }{
		{"line breaks of Unix", "POST /a?b=c HTTP/1.1\nHost: x\n\n{}", "/a", "b=c", "{}", ""},
		{"line breaks of HTTP", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}\r\n", "/a", "", "{}", ""},
		{"to the end", "POST /a HTTP/1.1\nHost: x\n\n{}\n", "/a", "", "{}\n", ""},
		{"no body", "GET /a HTTP/1.1\nContent-Length: 0\n\nmore", "/a", "", "", ""},
		{"a whole URL", "POST https://hooks.example.com/a%20b?q HTTP/1.1\n\n", "/a b", "q", "", ""},
		{"in chunks", "POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n", "/a", "", "{}", ""},
		{"too short", "POST /a HTTP/1.1\nContent-Length: 9\n\n{}", "", "", "", "Content-Length says 9"},
		{"a body alone", `{"ref": 1}`, "", "", "", "request line"},
		{"nothing", "", "", "", "", "request line"},
	} {
		r, err := parseRequest([]byte(test.text))
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: %v, want %s", test.name, err, test.problem)
			}
			continue
		}
		if err != nil || r.Path != test.path || r.RawQuery != test.query || string(r.Body) != test.body {
			t.Errorf("%s: %+v, %v", test.name, r, err)
		}
	}
}

// FuzzParseRequest: any bytes are a request or an error, and the body is a piece of
// them unless it came in chunks.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("POST /a?b=c HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}\n"))
	f.Add([]byte("POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("GET * HTTP/1.0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRequest(data)
		if err == nil && !bytes.Contains(data, r.Body) && !bytes.Contains(bytes.ToLower(data), []byte("chunked")) {
			t.Errorf("%q is not in %q", r.Body, data)
		}
	})
}
