package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadJSON compares with encoding/json: the same texts are JSON, but for
// what we are strict about, and they mean the same.
func FuzzReadJSON(f *testing.F) {
	for _, c := range jsonCases {
		if len(c.body) < 5000 {
			f.Add([]byte(c.body))
		}
	}
	f.Add([]byte(hugeObject + `"last":1}`))
	f.Add([]byte(`"\ud83d\\\ude00"`)) // two halves, and a backslash between them
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got, err := readJSON(body, everything)
		if !bytes.Equal(body, before) {
			t.Fatalf("the body was changed to %q", body)
		}
		if _, lazy := readJSON(body, &fields{}); (lazy == nil) != (err == nil) {
			t.Fatalf("decoded: %v, skipped: %v", err, lazy)
		}
		partly, some := readJSON(body, &fields{below: map[string]*fields{"a": everything}})
		if (some == nil) != (err == nil) {
			t.Fatalf("decoded: %v, in part: %v", err, some)
		}
		if whole, ok := got.(map[string]any); ok && !reflect.DeepEqual(partly.(map[string]any)["a"], whole["a"]) {
			t.Fatalf("decoded in part %#v, want the a of %#v", partly, whole)
		}
		want, ok := referenceJSON(trimMark(body))
		if ok != (err == nil) {
			t.Fatalf("error %v, but the reference says it is good: %v", err, ok)
		}
		if ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
	})
}

// referenceJSON is the slow and obvious way to read strict JSON.
func referenceJSON(body []byte) (any, bool) {
	if !utf8.Valid(body) || !json.Valid(body) || halfSurrogate(body) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, err := referenceValue(decoder, 0)
	return value, err == nil
}

// halfSurrogate finds \ud800 without its other half, which encoding/json takes
// for U+FFFD.
func halfSurrogate(body []byte) bool {
	spelt := strings.ReplaceAll(string(body), `\\`, "--") // which keeps apart what stood on both sides
	for i := strings.Index(spelt, `\u`); i >= 0; i = strings.Index(spelt, `\u`) {
		high := strings.ToLower(spelt[i+2 : i+6])
		spelt = spelt[i+6:]
		switch {
		case high >= "d800" && high < "dc00":
			low, found := strings.CutPrefix(spelt, `\u`)
			if !found || strings.ToLower(low[:4]) < "dc00" || strings.ToLower(low[:4]) > "dfff" {
				return true
			}
			spelt = low[4:]
		case high >= "dc00" && high <= "dfff":
			return true
		}
	}
	return false
}

var errReference = errors.New("not strict")

func referenceValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Number:
		return referenceNumber(v)
	case json.Delim:
		if depth >= maxDepth {
			return nil, errReference
		}
		if v == '[' {
			return referenceList(decoder, depth+1)
		}
		return referenceObject(decoder, depth+1)
	}
	return token, nil
}

func referenceNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return int(i), nil
	}
	f, err := n.Float64()
	if math.IsInf(f, 0) {
		return nil, errReference
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		return n.String(), nil
	}
	return f, err
}

func referenceList(decoder *json.Decoder, depth int) (any, error) {
	list := []any{}
	for decoder.More() {
		value, err := referenceValue(decoder, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := decoder.Token()
	return list, err
}

func referenceObject(decoder *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name.(string)]; twice {
			return nil, errReference
		}
		if object[name.(string)], err = referenceValue(decoder, depth); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return object, err
}

func FuzzReadForm(f *testing.F) {
	for _, body := range []string{"a=1&a=2&b=%20", "payload=%7B%7D", "a=%zz", "%ff=1", "a;b", "{}", " [", "\xff"} {
		f.Add([]byte(body), "payload")
		f.Add([]byte(body), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, field string) {
		r := &Request{Body: body, Header: http.Header{"Content-Type": {formType}}}
		payload, err := payloadOf(r, reading{form: formFields{json: field}}, everything)
		var malformed *MalformedError
		if err != nil && !errors.As(err, &malformed) {
			t.Fatalf("%v is no MalformedError", err)
		}
		if object, ok := payload.(map[string]any); ok && field == "" {
			if text, err := json.Marshal(object); err != nil || !utf8.Valid(text) {
				t.Fatalf("%v, %v", object, err)
			}
		}
	})
}

// What is made of XML and of forms with files is text that can be stored, or the
// sender's mistake.
func FuzzReadXML(f *testing.F) {
	for _, c := range xmlCases {
		if len(c.body) < 500 {
			f.Add([]byte(c.body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := readXML(body)
		checkForeign(t, payload, err)
		if again, err2 := readXML(body); (err == nil) != (err2 == nil) || !reflect.DeepEqual(payload, again) {
			t.Fatalf("not the same twice: %v, %v", payload, again)
		}
	})
}

func FuzzReadMultipart(f *testing.F) {
	f.Add(multipartType, []byte(aForm))
	f.Add("multipart/form-data; boundary=a", []byte("--a\r\nContent-Disposition: form-data; name=a\r\n\r\n--a--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		payload, err := readMultipart(contentType, body)
		checkForeign(t, payload, err)
		for _, fileErr := range Files(contentType, body) {
			if fileErr != nil && err == nil {
				t.Fatalf("the form is good and its files are not: %v", fileErr)
			}
		}
	})
}

func checkForeign(t *testing.T, payload any, err error) {
	t.Helper()
	var malformed *MalformedError
	if err != nil && !errors.As(err, &malformed) {
		t.Fatalf("%v is no MalformedError", err)
	}
	if text, jsonErr := json.Marshal(payload); jsonErr != nil || !utf8.Valid(text) {
		t.Fatalf("%v, %v", payload, jsonErr)
	}
}

// notTheSameTwice finds what depends on the clock or on the order of a map.
var notTheSameTwice = regexp.MustCompile(`now|keys|values|toPairs`)

// FuzzLazy compares a payload of which only the needed parts were decoded with
// one that was decoded whole: decisions and values must be the same.
func FuzzLazy(f *testing.F) {
	for _, c := range conditionCases {
		f.Add(c.when, c.payload)
	}
	for _, c := range valueCases {
		if source, found := strings.CutPrefix(c.value, "{{"); found {
			f.Add(strings.TrimSuffix(source, "}}"), c.payload)
		}
	}
	f.Fuzz(func(t *testing.T, source, body string) {
		compiled, err := compileExpression(source)
		if err != nil || notTheSameTwice.MatchString(source) {
			t.Skip()
		}
		whole, err := payloadOf(push(body), reading{content: contentJSON}, everything)
		lazy, lazyErr := payloadOf(push(body), reading{content: contentJSON}, &compiled.fields)
		if (err == nil) != (lazyErr == nil) {
			t.Fatalf("whole: %v, lazy: %v", err, lazyErr)
		}
		request := &requestView{request: push(body)}
		want, err := compiled.eval(environment{Payload: whole, Request: request})
		got, lazyErr := compiled.eval(environment{Payload: lazy, Request: request})
		if (err == nil) != (lazyErr == nil) {
			t.Fatalf("whole: %v, lazy: %v", err, lazyErr)
		}
		wantText, _ := spell(want)
		gotText, _ := spell(got)
		if gotText != wantText {
			t.Fatalf("whole: %s, lazy: %s", wantText, gotText)
		}
	})
}

func FuzzCompileExpression(f *testing.F) {
	for _, c := range conditionCases {
		f.Add(c.when)
	}
	for _, source := range []string{"a.b(", "let x = 1; x", "$env", "$get(1)", "a?.[b]", "\x00", "#.x", "a | b()", "é ==", "1 < a.b < c.d < 3"} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		compiled, err := compileExpression(source)
		if err != nil {
			checkPlace(t, err, source)
			return
		}
		_, _ = compiled.holds(environment{Request: &requestView{request: push("")}})
	})
}

func FuzzCompileValue(f *testing.F) {
	for _, c := range valueCases {
		f.Add(c.value)
	}
	for _, s := range []string{"{{", "{{ {{ }}", "é\n{{ a. }}", "${env:", "${env:}{{ a }}", "${secret:x}", "{{ a }}}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := compileValue(s, "/")
		if err != nil {
			checkPlace(t, err, s)
			return
		}
		_, _ = v.text(environment{Request: &requestView{request: push("")}})
	})
}

// checkPlace wants the place of a mistake to be within the text.
func checkPlace(t *testing.T, err error, s string) {
	t.Helper()
	var at *expressionError
	if !errors.As(err, &at) {
		return
	}
	lines := strings.Split(s, "\n")
	if at.line < 1 || at.line > len(lines) || at.col < 0 || at.col > len(lines[at.line-1]) {
		t.Fatalf("line %d, column %d is not in %q", at.line, at.col, s)
	}
}

// FuzzLoad wants an answer for any file: good, or problems with their places.
func FuzzLoad(f *testing.F) {
	f.Setenv("TOKEN", secretValue)
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("hooks: &a {<<: [*a, *a, {<<: *a}]}"))
	f.Add([]byte("hooks: {/a: {verify: none, rules: [{run: [a, \"{{ b }}\"]}]}}"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(dir, "hooktender.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || p.Line > 0 && p.Col < 1 || p.What == "" {
				t.Errorf("%d lines, but %+v", lines, p)
			}
		}
		_, _, _ = StateFolder(file)
	})
}
