package rules

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// jsonCases: what is JSON and what is not, whether or not a rule asks for it.
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
	{name: "more than 64 bits", body: `[9223372036854775808,1e2,1.0,-0.5]`, want: []any{9223372036854775808.0, 100.0, 1.0, -0.5}},
	{name: "small exponent", body: `1e-999`, want: 0.0},

	{name: "huge exponent", body: `{"a":1e999}`, fails: "too large"},
	{name: "many digits", body: `{"a":[` + strings.Repeat("9", 400) + `]}`, fails: "too large"},
	{name: "twice", body: `{"a":1,"a":1}`, fails: "duplicate"},
	{name: "twice, nested", body: `{"x":[{"a":{"b":1,"b":2}}]}`, fails: "duplicate"},
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
}{
	{name: "JSON", contentType: jsonType, body: `{"a":1}`, want: map[string]any{"a": 1}},
	{name: "JSON with a charset", contentType: "application/json; charset=utf-8", body: `1`, want: 1},
	{name: "JSON of a kind", contentType: "application/cloudevents+json", body: `1`, want: 1},
	{name: "JSON without a type", body: `1`, want: 1},
	{name: "no JSON without a type", body: `a=1`, fails: "not JSON"},
	{name: "empty", body: "", want: nil},
	{name: "empty XML", contentType: "text/xml", body: "", want: nil},
	{name: "XML", contentType: "application/xml", body: "<a/>", unsupported: true},
	{name: "multipart", contentType: "multipart/form-data; boundary=x", body: "--x--", unsupported: true},
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
	{name: "form of a provider", contentType: formType, field: "payload", body: "payload=%7B%22a%22%3A1%7D&x=1", want: map[string]any{"a": 1}},
	{name: "form of a provider without it", contentType: formType, field: "payload", body: "a=1", fails: `0 fields "payload"`},
	{name: "form of a provider with two", contentType: formType, field: "payload", body: "payload=1&payload=2", fails: `2 fields "payload"`},
	{name: "form of a provider, no JSON", contentType: formType, field: "payload", body: "payload=x", fails: "not JSON"},
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
			got, err := payloadOf(r, c.kind, c.field, everything)
			if errors.Is(err, ErrUnsupported) != c.unsupported {
				t.Errorf("error %v, want ErrUnsupported: %v", err, c.unsupported)
			}
			if !c.unsupported {
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
