package verify

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// What stands in JSON between the values (RFC 8259, section 2).
const (
	jsonSpace = " \t\r\n"
	jsonMarks = jsonSpace + ",:"
)

// members ranges over the children of a list, or of an object with their names as
// they are spelt. It reads what is valid already, and copies nothing.
func (n jsonNode) members() iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		if n.raw == nil {
			return
		}
		rest := bytes.TrimLeft(n.raw[1:], jsonSpace)
		for len(rest) > 1 { // the end is one byte
			var name, value []byte
			if n.isObject() {
				name, rest = cutValue(rest)
			}
			value, rest = cutValue(rest)
			if !yield(name, value) {
				return
			}
		}
	}
}

// cutValue cuts the first value off a list of them, with what stands behind it.
func cutValue(text []byte) (value, rest []byte) {
	end := valueLength(text)
	return text[:end], bytes.TrimLeft(text[end:], jsonMarks)
}

// valueLength is the length of the value at the beginning of a text.
func valueLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			if i += stringLength(text[i:]) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 { // it ends what is around the value
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ' ', '\t', '\r', '\n', ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// stringLength is the length of the string at the beginning of a text.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// isNamed tells whether a name, as it is spelt, is that one.
func isNamed(spelt []byte, name string) bool {
	if bytes.IndexByte(spelt, '\\') < 0 && utf8.Valid(spelt) {
		return string(spelt[1:len(spelt)-1]) == name
	}
	var plain string
	return json.Unmarshal(spelt, &plain) == nil && plain == name
}
