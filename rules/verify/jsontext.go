package verify

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A jsonText is one value of a body in JSON, which is walked where it stands:
// nothing of it is unpacked but the texts that are asked for, so that a body of a
// stranger costs no more memory than it has. nil is a value that is not there.
type jsonText []byte

// jsonBody is the value of a body that is JSON to its last byte. Of any other,
// nothing is there: what reads it otherwise must not find more in it than this.
func jsonBody(body []byte) jsonText {
	if !json.Valid(body) {
		return nil
	}
	return bytes.TrimSpace(body)
}

// at follows a path of names and array indexes and returns the text there, "" for
// none and for an object or array.
func (t jsonText) at(path ...string) string {
	for _, name := range path {
		t = t.child(name)
	}
	return t.text()
}

// child returns what has a name in an object, or an index in an array.
func (t jsonText) child(name string) jsonText {
	i, isIndex := arrayIndex(name)
	for e := range t.elements() {
		if !isIndex {
			break
		}
		if i == 0 {
			return e
		}
		i--
	}
	return t.pick(name)[0]
}

// pick returns what has these names in an object, in one walk. What has the same
// name as another is not there: which of them counts, two programs see differently.
func (t jsonText) pick(names ...string) []jsonText {
	found, times := make([]jsonText, len(names)), make([]int, len(names))
	for name, value := range t.members() {
		for i := range names {
			if isNamed(name, names[i]) {
				found[i], times[i] = value, times[i]+1
			}
		}
	}
	for i := range found {
		if times[i] != 1 {
			found[i] = nil
		}
	}
	return found
}

// isNamed compares a name as it is spelt, in quotes, with a plain one.
func isNamed(spelt []byte, name string) bool {
	spelt = spelt[1 : len(spelt)-1]
	if len(spelt) <= len(name) || len(spelt) > len(`\u0000`)*len(name) {
		return string(spelt) == name
	}
	for len(spelt) > 0 {
		char, rest := cutChar(spelt)
		if !strings.HasPrefix(name, string(char)) {
			return false
		}
		spelt, name = rest, name[len(string(char)):]
	}
	return name == ""
}

// cutChar takes the character off with which the inside of a string begins.
func cutChar(s []byte) (char rune, rest []byte) {
	switch {
	case s[0] != '\\':
		r, size := utf8.DecodeRune(s)
		return r, s[size:]
	case s[1] != 'u':
		return rune(escapes[s[1]]), s[2:]
	}
	r, rest := hexChar(s), s[6:]
	if utf16.IsSurrogate(r) && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if pair := utf16.DecodeRune(r, hexChar(rest)); pair != utf8.RuneError {
			return pair, rest[6:]
		}
	}
	return r, rest
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hexChar(s []byte) rune {
	n, _ := strconv.ParseUint(string(s[2:6]), 16, 32) // it is valid
	return rune(n)
}

// isAlone tells of an object that it has one member.
func (t jsonText) isAlone() bool {
	count := 0
	for range t.members() {
		if count++; count > 1 {
			break
		}
	}
	return count == 1
}

// text is that of a string, a number with all its digits, or a boolean.
func (t jsonText) text() string {
	switch {
	case len(t) == 0 || t[0] == '{' || t[0] == '[' || string(t) == "null":
		return ""
	case t[0] == '"':
		var s string
		_ = json.Unmarshal(t, &s) // it is valid
		return s
	}
	return string(t)
}

// members ranges over those of an object; their names are as they are spelt.
func (t jsonText) members() iter.Seq2[[]byte, jsonText] {
	return func(yield func([]byte, jsonText) bool) {
		if len(t) == 0 || t[0] != '{' {
			return
		}
		for rest := next(t[1:]); rest[0] != '}'; rest = next(rest) {
			name, after := cutValue(rest)
			value, after := cutValue(next(after))
			if !yield(name, value) {
				return
			}
			rest = after
		}
	}
}

// elements ranges over those of an array.
func (t jsonText) elements() iter.Seq[jsonText] {
	return func(yield func(jsonText) bool) {
		if len(t) == 0 || t[0] != '[' {
			return
		}
		for rest := next(t[1:]); rest[0] != ']'; rest = next(rest) {
			value, after := cutValue(rest)
			if !yield(value) {
				return
			}
			rest = after
		}
	}
}

// next skips what stands between values.
func next(t jsonText) jsonText { return bytes.TrimLeft(t, " \t\r\n,:") }

// cutValue takes the value off with which a text begins.
func cutValue(t jsonText) (value, rest jsonText) {
	end := 0
	switch t[0] {
	case '"':
		end = stringEnd(t)
	case '{', '[':
		end = closingEnd(t)
	default:
		if end = bytes.IndexAny(t, ",]} \t\r\n"); end < 0 {
			end = len(t)
		}
	}
	return t[:end:end], t[end:]
}

// closingEnd is where the object or array ends with which a text begins.
func closingEnd(t jsonText) int {
	depth := 0
	for i := 0; ; i++ {
		switch t[i] {
		case '"':
			i += stringEnd(t[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// stringEnd is where the string ends with which a text begins.
func stringEnd(t jsonText) int {
	for end := 1; ; end++ {
		end += bytes.IndexByte(t[end:], '"')
		before := end
		for t[before-1] == '\\' {
			before--
		}
		if (end-before)%2 == 0 {
			return end + 1
		}
	}
}
