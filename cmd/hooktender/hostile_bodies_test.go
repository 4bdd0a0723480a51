package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
)

// hostileSize is the largest body that the server takes, if nothing else is set.
const hostileSize = 25 << 20

const (
	jsonType      = "application/json"
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data; boundary=x"
)

// A hostileKind is bodies of one form that take as much memory as they can.
type hostileKind struct {
	name        string
	hook        string // "" for the one that believes everybody
	contentType string
	packed      bool // with gzip
	body        func() []byte
	want        []int // what may be answered; 202 and 503 are, too
}

// hostileKinds are at the limits or beyond: some are read to their end, some are
// refused in the middle of it.
var hostileKinds = []hostileKind{
	{name: "JSON, as many numbers as may be", contentType: jsonType, body: repeated("[0", ",0.1234567890123456789012", "]", 1_000_000-2)},
	{name: "JSON, as many objects as may be", contentType: jsonType, body: repeated("[0", ","+nested(`{"`+strings.Repeat("a", 70)+`":`, "0", "}", 198), "]", 1670)},
	{name: "JSON, long names", contentType: jsonType, body: numbered("{", `"`+strings.Repeat("n", 100<<10)+`#":0`, ",", "}")},
	{name: "JSON, one text", contentType: jsonType, body: filled(`"`, `\u00e9`, `"`)},
	{name: "JSON, halves of characters", contentType: jsonType, body: filled(`"`, `\ud83d`, `"`), want: []int{400}},
	{name: "form, fields in fields", contentType: formType, body: numbered("", "a#"+strings.Repeat("[a]", 199)+"="+strings.Repeat("a", 2050), "&", ""), want: []int{413}},
	{name: "form, as many fields as may be", contentType: formType, body: numbered("", "a#[b]="+strings.Repeat("%41", 871), "&", "")},
	{name: "form, one text", contentType: formType, body: filled("a=", "%41", "")},
	{name: "XML, elements in elements", contentType: "application/xml", body: filled("<a>", nested("<a>", "", "</a>", 198), "</a>"), want: []int{413}},
	{name: "XML, many attributes", contentType: "application/xml", body: numbered("<a ", `xmlns:a#=""`, " ", "/>"), want: []int{413}},
	{name: "XML, long text", contentType: "application/xml", body: filled("<a>", "&#233;", "</a>")},
	{name: "multipart, many parts", contentType: multipartType, body: filled("", part(`name="a"`, ""), "--x--"), want: []int{400}},
	{name: "multipart, large file", contentType: multipartType, body: filled(partHeader(`name="a"; filename="b"`), "\x00\xff", "\r\n--x--")},
	{name: "gzip, one text", contentType: jsonType, packed: true, body: filled(`"`, "x", `"`)},
	{name: "gzip, beyond the limit", contentType: jsonType, packed: true, body: func() []byte { return make([]byte, 2*hostileSize) }, want: []int{413}},
	{name: "CloudEvent, many names", contentType: "application/cloudevents+json", body: numbered("{", `"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn#":0`, ",", "}")},
	{name: "proof in JSON, many values", hook: "json", contentType: jsonType, body: filled("[0", ",0", "]"), want: []int{401}},
	{name: "proof in a form, one text", hook: "form", contentType: formType, body: filled("a=", "aa%41", ""), want: []int{401}},
	{name: "proof in a form, many parts", hook: "form", contentType: multipartType, body: filled("", part(`name="a"`, ""), "--x--"), want: []int{401}},
	{name: "proof of each item", hook: "graph", contentType: jsonType, body: filled(`{"value":[0`, ",0", "]}"), want: []int{401}},
}

// hostileHooks are the hooks of hostileKinds. A body that can be read fires.
const hostileHooks = `
hooks:
  /: {verify: none, rules: [{name: a, when: payload != nil, run: "true"}]}
  /json: {verify: {hmac: {secret: x, signature: {from: "json:a.b"}, signed: "{body}"}}, rules: [{name: a, run: "true"}]}
  /form: {verify: {hmac: {secret: x, signature: {from: "form:a"}, signed: "{form:b}"}}, rules: [{name: a, run: "true"}]}
  /graph: {verify: {microsoft-graph: x}, rules: [{name: a, run: "true"}]}
`

// filled repeats a piece until the body is as large as it may be.
func filled(begin, piece, end string) func() []byte {
	return repeated(begin, piece, end, (hostileSize-len(begin)-len(end))/len(piece))
}

func repeated(begin, piece, end string, n int) func() []byte {
	return func() []byte { return []byte(begin + strings.Repeat(piece, n) + end) }
}

// numbered repeats a piece, in which # is a number that is another each time.
func numbered(begin, piece, between, end string) func() []byte {
	return func() []byte {
		before, after, _ := strings.Cut(piece, "#")
		body := append(make([]byte, 0, hostileSize), begin...)
		for i := 1_000_000; len(body)+len(before)+7+len(after)+len(between)+len(end) <= hostileSize; i++ {
			body = append(body, before...)
			body = strconv.AppendInt(body, int64(i), 10)
			body = append(body, after...)
			body = append(body, between...)
		}
		return append(body[:len(body)-len(between)], end...)
	}
}

func nested(open, inner, closed string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(closed, depth)
}

func partHeader(names string) string {
	return "--x\r\nContent-Disposition: form-data; " + names + "\r\n\r\n"
}

func part(names, text string) string { return partHeader(names) + text + "\r\n" }

func packed(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.Copy(w, bytes.NewReader(body))
	_ = w.Close()
	return b.Bytes()
}
