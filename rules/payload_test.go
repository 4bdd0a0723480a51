package rules

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// jsonCases: what is JSON and what is not, whether or not a rule asks for it.
// hugeObject is the beginning of an object with more names than are compared one by
// one; each is in objects of its own, too.
var hugeObject = func() string {
	b := &strings.Builder{}
	b.WriteByte('{')
	for i := range 3 * fewNames {
		fmt.Fprintf(b, `"name %d":{"name 7":-1.5e3,"b":[{"name 7":"}\\\""}]},`, i)
	}
	return b.String()
}()

var jsonCases = []struct {
	name, body string
	want       any    // of a good body
	fails      string // of a bad one
}{
	{name: "object", body: ` {"a":[1,"x",true,null,{}]} `, want: map[string]any{"a": []any{1, "x", true, nil, map[string]any{}}}},
	{name: "scalar", body: `"x"`, want: "x"},
	{name: "null", body: `null`, want: nil},
	{name: "byte order mark", body: "\ufeff{}", want: map[string]any{}},
	{name: "escaped name", body: `{"\u0061\n":1}`, want: map[string]any{"a\n": 1}},
	{name: "64 bits", body: `[9007199254740993,9223372036854775807,-9223372036854775808]`, want: []any{9007199254740993, 9223372036854775807, -9223372036854775808}},
	{name: "more than 64 bits", body: `[9223372036854775808,1e2,1.0,-0.5]`, want: []any{"9223372036854775808", 100.0, 1.0, -0.5}},
	{name: "small exponent", body: `1e-999`, want: 0.0},
	{name: "numbers", body: `[0,-0,10,0.5,-0e0,1E+2,2e-1]`, want: []any{0, 0, 10, 0.5, math.Copysign(0, -1), 100.0, 0.2}},
	{name: "escapes", body: `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","\u0062":"\\","c":"é"}`, want: map[string]any{"a": "\"\\/\b\f\n\r\té😀", "b": `\`, "c": "é"}},
	{name: "escaped names", body: `{"\n":"\t","\t":"\r","\r":"\n"}`, want: map[string]any{"\n": "\t", "\t": "\r", "\r": "\n"}},
	{name: "blanks", body: " \t\r\n[ 1 , { \"a\" : [ ] , \"b\" : { } } ] \n", want: []any{1, map[string]any{"a": []any{}, "b": map[string]any{}}}},

	{name: "huge exponent", body: `{"a":1e999}`, fails: "too large"},
	{name: "many digits", body: `{"a":[` + strings.Repeat("9", 400) + `]}`, fails: "too large"},
	{name: "twice", body: `{"a":1,"a":1}`, fails: "duplicate"},
	{name: "twice, nested", body: `{"x":[{"a":{"b":1,"b":2}}]}`, fails: "duplicate"},
	{name: "twice among many", body: `{"x":[1,` + hugeObject + `"name 7":1}]}`, fails: "duplicate"},
	{name: "twice among many, escaped", body: hugeObject + `"name \u0037":1}`, fails: "duplicate"},
	{name: "twice, escaped", body: `{"a":1,"\u0061":1}`, fails: "duplicate"},
	{name: "trailing", body: `{} {}`, fails: "something follows"},
	{name: "trailing garbage", body: `{}x`, fails: "not JSON"},
	{name: "trailing brace", body: `{}}`, fails: "not JSON"},
	{name: "half", body: `{"a":`, fails: "ends too early"},
	{name: "blank", body: "  \n", fails: "ends too early"},
	{name: "only a byte order mark", body: "\ufeff", fails: "ends too early"},
	{name: "invalid UTF-8", body: "{\"a\":\"\xff\"}", fails: "UTF-8"},
	{name: "invalid UTF-8 in a name", body: "{\"x\":{\"\xff\":1}}", fails: "UTF-8"},
	{name: "half a surrogate", body: `{"a":"\ud800"}`, fails: "surrogate"},
	{name: "a name that is none", body: `{1:2}`, fails: "not JSON"},
	{name: "comma", body: `[1,]`, fails: "not JSON"},
	{name: "comma in an object", body: `{"a":1,}`, fails: "not JSON"},
	{name: "comma alone", body: `[,]`, fails: "not JSON"},
	{name: "comma missing", body: `[1 2]`, fails: "not JSON"},
	{name: "colon missing", body: `{"a" 1}`, fails: "not JSON"},
	{name: "other brace", body: `[1}`, fails: "not JSON"},
	{name: "line break in a string", body: "[\"a\nb\"]", fails: "not JSON"},
	{name: "zero byte", body: "[1]\x00", fails: "not JSON"},
	{name: "zero byte in a string", body: "[\"a\x00\"]", fails: "not JSON"},
	{name: "other blank", body: "[1]\v", fails: "not JSON"},
	{name: "unknown escape", body: `["\x41"]`, fails: "not JSON"},
	{name: "half an escape", body: `["\u00"]`, fails: "not JSON"},
	{name: "open string", body: `["a`, fails: "ends too early"},
	{name: "open escape", body: `["a\`, fails: "ends too early"},
	{name: "leading zero", body: `[01]`, fails: "not JSON"},
	{name: "plus", body: `[+1]`, fails: "not JSON"},
	{name: "minus alone", body: `[-]`, fails: "not JSON"},
	{name: "no digits behind the point", body: `[1.]`, fails: "not JSON"},
	{name: "no digits in front of it", body: `[.5]`, fails: "not JSON"},
	{name: "no digits of an exponent", body: `[1e+]`, fails: "not JSON"},
	{name: "half a word", body: `[tru]`, fails: "not JSON"},
	{name: "more than a word", body: `[nulls]`, fails: "not JSON"},
	{name: "NaN", body: `NaN`, fails: "not JSON"},
	{name: "form", body: `a=b`, fails: "not JSON"},
	{name: "as deep as may be", body: nested(maxDepth), want: nestedValue(maxDepth)},
	{name: "too deep", body: nested(maxDepth + 1), fails: "nested more than"},
	{name: "much too deep", body: strings.Repeat(`{"a":`, 1e5), fails: "nested more than"},
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func nestedValue(depth int) any {
	value := []any{}
	for range depth - 1 {
		value = []any{value}
	}
	return value
}

func TestReadJSON(t *testing.T) {
	for _, c := range jsonCases {
		t.Run(c.name, func(t *testing.T) {
			body := []byte(c.body)
			got, err := readJSON(body, everything)
			checkMalformed(t, err, c.fails)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
			_, err = readJSON(body, &fields{})
			checkMalformed(t, err, c.fails)
			if string(body) != c.body {
				t.Errorf("the body was changed to %q", body)
			}
		})
	}
}

func checkMalformed(t *testing.T, err error, fails string) {
	t.Helper()
	var malformed *MalformedError
	switch {
	case fails == "" && err != nil:
		t.Errorf("error %v", err)
	case fails != "" && (!errors.As(err, &malformed) || !strings.Contains(malformed.Reason, fails)):
		t.Errorf("error %v, want a MalformedError with %q", err, fails)
	}
}

// Only what is needed is kept.
func TestReadJSONNeed(t *testing.T) {
	const body = `{"a":{"b":{"c":1,"d":2},"e":3},"l":[{"a":1}],"s":"x","\u006e":5}`
	for need, want := range map[string]any{
		"":        map[string]any{},
		"s n":     map[string]any{"s": "x", "n": 5},
		"a.b.c":   map[string]any{"a": map[string]any{"b": map[string]any{"c": 1}}},
		"a.b":     map[string]any{"a": map[string]any{"b": map[string]any{"c": 1, "d": 2}}},
		"l":       map[string]any{"l": []any{map[string]any{"a": 1}}},
		"l.a s.x": map[string]any{"l": []any{}, "s": "x"}, // to be told what they are instead
		"zzz":     map[string]any{},
	} {
		var f fields
		for _, path := range strings.Fields(need) {
			f.add(strings.Split(path, "."))
		}
		if got, err := readJSON([]byte(body), &f); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v; want %v", need, got, err, want)
		}
	}
}

// A reader goes back to the pool without what it read.
func TestReadJSONForgets(t *testing.T) {
	for range 100 {
		_, _ = readJSON([]byte(`{"a":{"b":[1,2,`), everything)
		got, err := readJSON([]byte(`{"c":1}`), everything)
		if err != nil || !reflect.DeepEqual(got, map[string]any{"c": 1}) {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// payloadCases: how a body is read by its headers and the hook's settings.
var payloadCases = []struct {
	name        string
	contentType string
	encoding    string
	kind        content
	field       string
	body        string
	want        any
	fails       string // of a MalformedError
	unsupported bool
	tooLarge    bool
}{
	{name: "JSON", contentType: jsonType, body: `{"a":1}`, want: map[string]any{"a": 1}},
	{name: "JSON with a charset", contentType: "application/json; charset=utf-8", body: `1`, want: 1},
	{name: "JSON of a kind", contentType: "application/cloudevents+json", body: `1`, want: 1},
	{name: "JSON without a type", body: `1`, want: 1},
	{name: "no JSON without a type", body: `a=1`, fails: "not JSON"},
	{name: "empty", body: "", want: nil},
	{name: "a great many values", body: "[" + strings.Repeat("0,", maxValues) + "0]", tooLarge: true},
	{name: "a great many names", body: manyNames(maxValues + 1), tooLarge: true},
	{name: "a great many fields in fields", contentType: formType, body: manyFields(5000), tooLarge: true},
	{name: "a great many objects", body: "[" + strings.Repeat(`{"a":0},`, maxValues/4) + "0]", tooLarge: true},
	{name: "a great many empty objects", body: "[" + strings.Repeat(`{},`, maxValues-2) + "0]", want: manyObjects(maxValues - 2)},
	{name: "a great many attributes", contentType: "text/xml", body: "<a" + strings.Repeat(" b =\n'='", maxAttributes+1) + "/>", tooLarge: true},
	{name: "a great many elements with elements", contentType: "text/xml", body: "<a>" + strings.Repeat("<b><c/></b>", maxValues/4) + "</a>", tooLarge: true},
	{name: "a great many elements", contentType: "application/xml", body: "<a>" + strings.Repeat("<b/>", maxValues) + "</a>", tooLarge: true},
	{name: "a great many fields", contentType: formType, body: strings.Repeat("a&", maxValues), tooLarge: true},
	{name: "empty XML", contentType: "text/xml", body: "", want: nil},
	{name: "text", contentType: "text/plain; charset=utf-8", body: "down\n", want: "down\n"},
	{name: "text that is none", contentType: "text/plain", body: "\xff", fails: "UTF-8"},
	{name: "text in Latin-1", contentType: "text/plain; charset=iso-8859-1", body: "x", unsupported: true},
	{name: "content text", contentType: jsonType, kind: contentText, body: "{", want: "{"},
	{name: "an image", contentType: "image/png", body: "x", unsupported: true},
	{name: "no type at all", contentType: "json/;;", body: "1", unsupported: true},
	{name: "gzip", contentType: jsonType, encoding: "gzip", body: "\x1f\x8b", unsupported: true},
	{name: "gzip of nothing", contentType: jsonType, encoding: "gzip", body: "", unsupported: true},
	{name: "identity", contentType: jsonType, encoding: "identity", body: "1", want: 1},
	{name: "content json", contentType: "text/plain", kind: contentJSON, body: "1", want: 1},
	{name: "content json, gzip", kind: contentJSON, encoding: "gzip", body: "1", unsupported: true},
	{name: "content form", contentType: jsonType, kind: contentForm, body: "a=1", want: map[string]any{"a": "1"}},

	{name: "form", contentType: formType, body: "a=1&b=x+y%21&a=2&c=", want: map[string]any{"a": []any{"1", "2"}, "b": "x y!", "c": ""}},
	{name: "form that is JSON", contentType: formType, body: ` {"a":1}`, fails: "send Content-Type: application/json"},
	{name: "form that is a JSON list", contentType: formType, body: `[1]`, fails: "send Content-Type: application/json"},
	{name: "form with a bad escape", contentType: formType, body: "a=%zz", fails: "cannot be read"},
	{name: "form with invalid UTF-8", contentType: formType, body: "a=\xff", fails: "UTF-8"},
	{name: "form with escaped invalid UTF-8", contentType: formType, body: "a=%ff", fails: "UTF-8"},
	{name: "form with an invalid name", contentType: formType, body: "%ff=a", fails: "UTF-8"},
	{name: "form with brackets", contentType: formType, body: "type=subscribe&data[email]=a@b.c&data[merges][FNAME]=Ann&tags[]=x&l[]=1&l[]=2", want: map[string]any{
		"type": "subscribe", "tags": []any{"x"}, "l": []any{"1", "2"},
		"data": map[string]any{"email": "a@b.c", "merges": map[string]any{"FNAME": "Ann"}}}},
	{name: "form with brackets that mean nothing", contentType: formType, body: "b[=2&c]=3&d[][x]=4&e[f]g=5", want: map[string]any{
		"b[": "2", "c]": "3", "d[][x]": "4", "e[f]g": "5"}},
	{name: "form that contradicts itself", contentType: formType, body: "a=1&a[b]=2", fails: `"a[b]" contradicts another that says what "a" is`},
	{name: "form that says a list twice", contentType: formType, body: "a=1&a[]=2", fails: "contradicts"},
	{name: "form with absurd depth", contentType: formType, body: "a" + strings.Repeat("[b]", maxDepth+1) + "=1", want: map[string]any{"a" + strings.Repeat("[b]", maxDepth+1): "1"}},
	{name: "form of a provider", contentType: formType, field: "payload", body: "payload=%7B%22a%22%3A1%7D&x=1", want: map[string]any{"a": 1}},
	{name: "form of a provider without it, as Slack's commands are", contentType: formType, field: "payload", body: "command=%2Fdeploy&text=", want: map[string]any{"command": "/deploy", "text": ""}},
	{name: "form of a provider with two", contentType: formType, field: "payload", body: "payload=1&payload=2", fails: `2 fields "payload"`},
	{name: "form of a provider, no JSON", contentType: formType, field: "payload", body: "payload=x", fails: "not JSON"},
}

// xmlCases: what XML is read as, and what is none.
var xmlCases = []struct {
	name, body string
	want       any
	fails      string
}{
	{name: "text", body: `<?xml version="1.0" encoding="UTF-8"?><a> x </a>`, want: map[string]any{"a": "x"}},
	{name: "elements", body: `<a><b>1</b><c/></a>`, want: map[string]any{"a": map[string]any{"b": "1", "c": ""}}},
	{name: "repeated", body: `<a><b>1</b><b>2</b><b c="3"/></a>`, want: map[string]any{"a": map[string]any{"b": []any{"1", "2", map[string]any{"@c": "3"}}}}},
	{name: "attributes and text", body: `<a id="1">x<b/>y</a>`, want: map[string]any{"a": map[string]any{"@id": "1", "#text": "xy", "b": ""}}},
	{name: "namespaces", body: `<n:a xmlns:n="urn:x" xmlns="urn:y"><n:b n:c="1">2</n:b></n:a>`, want: map[string]any{"a": map[string]any{"b": map[string]any{"@c": "1", "#text": "2"}}}},
	{name: "a name in two namespaces", body: `<a x:type="1" type="2" y:type="3" xmlns:x="urn:x" xmlns:y="urn:y"/>`, want: map[string]any{"a": map[string]any{"@type": "2"}}},
	{name: "known entities and CDATA", body: "\ufeff<a>&lt;&#65;<![CDATA[<b>]]></a>", want: map[string]any{"a": "<A<b>"}},
	{name: "comments", body: `<!-- x --><a><!-- y -->1</a><!-- z -->`, want: map[string]any{"a": "1"}},

	{name: "entity", body: `<a>&b;</a>`, fails: "invalid character entity"},
	{name: "entity bomb", body: `<!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>`, fails: "a document type"},
	{name: "external entity", body: `<!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>`, fails: "a document type"},
	{name: "directive within", body: `<l><!ENTITY a "b"></l>`, fails: "a document type"},
	{name: "nothing", body: ` <!-- x --> `, fails: "no element"},
	{name: "half", body: `<a><b>`, fails: "not XML"},
	{name: "wrong end", body: `<a></b>`, fails: "not XML"},
	{name: "two roots", body: `<a/><b/>`, fails: "something follows"},
	{name: "text behind", body: `<a/>x`, fails: "outside of the root"},
	{name: "attribute twice", body: `<a b="1" b="2"/>`, fails: "twice"},
	{name: "invalid UTF-8", body: "<a>\xff</a>", fails: "UTF-8"},
	{name: "another charset", body: `<?xml version="1.0" encoding="iso-8859-1"?><a/>`, fails: "iso-8859-1"},
	{name: "as deep as may be", body: strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth), want: deepElement(maxDepth)},
	{name: "too deep", body: strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1), fails: "nested more than"},
	{name: "JSON", body: `{}`, fails: "outside of the root"},
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// manyFields is a form of n fields, each in as many as may be.
func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d%s&", i, strings.Repeat("[b]", maxDepth))
	}
	return b.String()
}

func manyObjects(n int) any {
	list := make([]any, n, n+1)
	for i := range list {
		list[i] = map[string]any{}
	}
	return append(list, 0)
}

func deepElement(depth int) any {
	value := any("")
	for range depth {
		value = map[string]any{"a": value}
	}
	return value
}

func TestReadXML(t *testing.T) {
	for _, c := range xmlCases {
		t.Run(c.name, func(t *testing.T) {
			got, err := readXML([]byte(c.body))
			checkMalformed(t, err, c.fails)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

const multipartType = "multipart/form-data; boundary=xyz"

// aForm is a multipart body as browsers and curl write it.
const aForm = "--xyz\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nreport\r\n" +
	"--xyz\r\nContent-Disposition: form-data; name=\"meta[size]\"\r\n\r\n3\r\n" +
	"--xyz\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"../../etc/pass\"\r\nContent-Type: text/csv\r\n\r\na\xff\r\n\r\n" +
	"--xyz--\r\n"

func TestMultipart(t *testing.T) {
	got, err := readMultipart(multipartType, []byte(aForm))
	want := map[string]any{
		"title": "report", "meta": map[string]any{"size": "3"},
		"doc": map[string]any{"filename": "pass", "content_type": "text/csv", "size": 4},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	var files []File
	for f, err := range Files(multipartType, []byte(aForm)) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if !reflect.DeepEqual(files, []File{{Field: "doc", Name: "pass", Type: "text/csv", Data: []byte("a\xff\r\n")}}) {
		t.Errorf("files are %q", files)
	}
}

func TestBadMultipart(t *testing.T) {
	part := func(disposition, data string) string {
		return "--xyz\r\nContent-Disposition: " + disposition + "\r\n\r\n" + data + "\r\n"
	}
	for _, c := range []struct{ name, contentType, body, fails string }{
		{"no boundary", "multipart/form-data", aForm, "names no boundary"},
		{"another boundary", "multipart/form-data; boundary=abc", aForm, "cannot be read"},
		{"cut off", multipartType, aForm[:len(aForm)-12], "cannot be read"},
		{"no name", multipartType, part("form-data", "x") + "--xyz--", "has no name"},
		{"invalid text", multipartType, part(`form-data; name="a"`, "\xff") + "--xyz--", "not valid UTF-8"},
		{"contradiction", multipartType, part(`form-data; name="a"`, "1") + part(`form-data; name="a[b]"`, "1") + "--xyz--", "contradicts"},
		{"too many", multipartType, strings.Repeat(part(`form-data; name="a"`, "1"), maxFormParts+1) + "--xyz--", "more than 1000 parts"},
	} {
		_, err := readMultipart(c.contentType, []byte(c.body))
		t.Run(c.name, func(t *testing.T) { checkMalformed(t, err, c.fails) })
	}
}

// Both modes of a CloudEvent read the same, and name event and id.
func TestCloudEvents(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /events:
    verify: none
    rules: [{name: a, when: 'type == "com.example.down" && data.host == "web-1"', run: [echo, "{{ id }} {{ request.event }} {{ request.id }} {{ subject }}"]}]
`)
	binary := http.Header{"Content-Type": {jsonType}, "Ce-Specversion": {"1.0"}, "Ce-Type": {"com.example.down"}, "Ce-Id": {"a-1"}, "Ce-Source": {"/x"}, "Ce-Subject": {"caf%C3%A9"}}
	for _, r := range []*Request{
		{Method: "POST", Header: binary, Body: []byte(`{"host":"web-1"}`)},
		{Method: "POST", Header: http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}},
			Body: []byte(`{"specversion":"1.0","type":"com.example.down","id":"a-1","source":"/x","subject":"café","data":{"host":"web-1"}}`)},
	} {
		if err := hook.Verify(r, time.Now()); err != nil {
			t.Fatal(err)
		}
		decisions, actions, err := hook.Evaluate(r)
		if err != nil || len(actions) != 1 {
			t.Fatalf("%+v, %v", decisions, err)
		}
		if got := actions[0].Command.Argv[1].String(); got != "a-1 com.example.down a-1 café" {
			t.Errorf("%q", got)
		}
	}
	bytes := &Request{Method: "POST", Header: http.Header{"Content-Type": {"image/png"}, "Ce-Specversion": {"1.0"}}, Body: []byte{0xff}}
	if got, err := payloadOf(bytes, reading{}, everything); err != nil || got.(map[string]any)["data_base64"] != "/w==" {
		t.Errorf("%v, %v", got, err)
	}
}

// A sender that can only call a URL says it in the query; what proves it is not
// part of that.
func TestQueryPayload(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	hook := oneHook(t, `
hooks:
  /ping:
    methods: [GET, POST]
    verify: {token: {query: key, secret: "${env:TOKEN}"}}
    rules: [{name: a, when: state == "down", run: [echo, "{{ payload }}"]}]
`)
	r := &Request{Method: "GET", RawQuery: "state=down&key=" + secretValue, Header: http.Header{}}
	_, actions, err := hook.Evaluate(r)
	if err != nil || len(actions) != 1 || actions[0].Command.Argv[1].String() != `{"key":"<secret>","state":"down"}` {
		t.Errorf("%+v, %v", actions, err)
	}
	r.Method = "POST"
	if _, actions, err := hook.Evaluate(r); err != nil || len(actions) != 0 {
		t.Errorf("a POST without a body: %+v, %v", actions, err)
	}
}

func TestPayload(t *testing.T) {
	for _, c := range payloadCases {
		t.Run(c.name, func(t *testing.T) {
			r := &Request{Body: []byte(c.body), Header: http.Header{}}
			for name, value := range map[string]string{"Content-Type": c.contentType, "Content-Encoding": c.encoding} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			got, err := payloadOf(r, reading{content: c.kind, form: formFields{json: c.field}}, everything)
			if errors.Is(err, ErrUnsupported) != c.unsupported {
				t.Errorf("error %v, want ErrUnsupported: %v", err, c.unsupported)
			}
			if errors.Is(err, ErrTooLarge) != c.tooLarge {
				t.Errorf("error %v, want ErrTooLarge: %v", err, c.tooLarge)
			}
			if !c.unsupported && !c.tooLarge {
				checkMalformed(t, err, c.fails)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

// GitHub may send its JSON in a form; which field holds it is the preset's to say.
func TestFormOfPreset(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	hook := oneHook(t, `
hooks:
  /github:
    verify: {github: "${env:TOKEN}"}
    rules: [{name: a, when: n == 1, run: make}]
`)
	r := push("payload=%7B%22n%22%3A1%7D")
	r.Header.Set("Content-Type", formType)
	decisions, _, err := hook.Evaluate(r)
	if err != nil || !slices.Equal(decisions, []Decision{{Rule: "a", Matched: true}}) {
		t.Errorf("%v, %v", decisions, err)
	}
}

// A bad body is an error of the whole delivery, wherever the mistake stands.
func TestEvaluateRefusesBadBody(t *testing.T) {
	hook := oneHook(t, "hooks: {/a: {verify: none, rules: [{run: make}]}}")
	for _, body := range []string{`{"x":{"a":1,"a":2}}`, "{\"x\":\"\xff\"}", `{"x":1e999}`, `{}{}`, `<a/>`} {
		decisions, actions, err := hook.Evaluate(push(body))
		checkMalformed(t, err, "not JSON")
		if decisions != nil || actions != nil {
			t.Errorf("%q: %v, %v", body, decisions, actions)
		}
	}
}

func TestEvaluateLeavesBodyAlone(t *testing.T) {
	hook := oneHook(t, `hooks: {/a: {verify: none, rules: [{run: [make, "{{ a.b }}"]}]}}`)
	body := []byte(`{"x":{"\u0061":[1,2]},"a":{"b":"c"}}`)
	r := push("")
	r.Body = bytes.Clone(body)
	if _, _, err := hook.Evaluate(r); err != nil || !bytes.Equal(r.Body, body) {
		t.Errorf("%q, %v", r.Body, err)
	}
}

// What ends a string is found wherever it stands, be it eight bytes that are looked at
// together, or what is left of the text.
func TestPlainLength(t *testing.T) {
	const longest = 20
	for end := range 256 {
		c := byte(end)
		for at := range longest {
			for behind := range longest {
				text := slices.Concat(bytes.Repeat([]byte("\xc3\xa9"), at)[:at], []byte{c}, bytes.Repeat([]byte{'"'}, behind))
				want := at
				if c >= ' ' && c != '"' && c != '\\' {
					want++
				}
				if got := plainLength(text); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
			}
		}
	}
}

// What an event says that it is can be told without remembering all of its names.
func TestEventOfMindsNoNames(t *testing.T) {
	event, id, source := eventOf([]byte(`{"specversion":"1.0","type":"a","id":"b","source":"c","x":1,"x":2}`), true)
	if event != "a" || id != "b" || source != "c" {
		t.Errorf("%q, %q, %q", event, id, source)
	}
}
