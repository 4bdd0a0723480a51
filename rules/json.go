package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of a payload. Real deliveries stay below 20.
const maxDepth = 200

// A jsonReader reads one JSON text strictly (RFC 8259 with unique names, RFC
// 7493): duplicate names, invalid UTF-8, anything after the value and absurd
// depth are errors, wherever in the text they stand. It goes over the text once:
// to check what nothing is needed of, and then to look at its names, would be to
// read most of it twice.
type jsonReader struct {
	jsonText
	depth int
	held  int // values that are kept
	names *nameSet
}

// maxPooled is the size of a body, in bytes, whose reader is used again. One that
// has read a large body keeps the memory that all of its names took.
const maxPooled = 1 << 20

var jsonReaders = sync.Pool{New: func() any { return &jsonReader{names: newNameSet()} }}

// readJSON returns the value of a JSON text: map[string]any, []any, string, int,
// float64, bool or nil. Integers that fit 64 bits are int, and longer ones texts,
// so that none loses a digit; other numbers are float64, which has about 16 of them. Of
// objects, only what need asks for is kept; the rest is checked all the same.
func readJSON(body []byte, need *fields) (any, error) {
	r := jsonReaders.Get().(*jsonReader)
	if len(body) <= maxPooled {
		defer jsonReaders.Put(r)
	}
	defer r.forget()
	return r.read(body, need)
}

func (r *jsonReader) read(body []byte, need *fields) (any, error) {
	r.text = trimMark(body)
	value, err := r.whole(need)
	switch err {
	case nil:
		return value, nil
	case errSyntax:
		return nil, whyNoJSON(r.text)
	}
	return nil, err
}

// forget makes the reader one that has read nothing.
func (r *jsonReader) forget() {
	r.names.reset()
	r.jsonText = jsonText{spelt: r.spelt[:0]}
	r.depth, r.held = 0, 0
}

// errSyntax is the error of a text that is no JSON.
var errSyntax = errors.New("not JSON")

// whyNoJSON says what is wrong with a text, and where, in the words of a reader that
// has more of them.
func whyNoJSON(text []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	err := decoder.SkipValue()
	if err == nil {
		if _, err = decoder.ReadToken(); err == nil {
			return &MalformedError{"not JSON: something follows the value"}
		}
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &MalformedError{"not JSON: it ends too early"}
	case errors.As(err, &syntax) && strings.Contains(syntax.Err.Error(), "max depth"): // the decoder's own is far beyond ours
		return tooDeep()
	case errors.As(err, &syntax):
		return &MalformedError{fmt.Sprintf("not JSON: %v, after byte %d", syntax.Err, syntax.ByteOffset)}
	}
	return &MalformedError{"not JSON: " + err.Error()}
}

func tooDeep() error {
	return &MalformedError{fmt.Sprintf("not JSON: nested more than %d deep", maxDepth)}
}

// whole reads the value that the text is.
func (r *jsonReader) whole(need *fields) (any, error) {
	if !utf8.Valid(r.text) { // outside of strings nothing but ASCII gets any further
		return nil, errSyntax
	}
	value, err := r.value(need)
	if r.next(); err == nil && r.at < len(r.text) {
		err = errSyntax
	}
	return value, err
}

// value reads the next value, and returns it if anything of it is needed.
func (r *jsonReader) value(need *fields) (any, error) {
	if need != nil {
		if r.held++; r.held > maxValues {
			return nil, tooManyValues()
		}
	}
	switch c := r.next(); c {
	case '{':
		return r.object(need)
	case '[':
		return r.array(need)
	case '"':
		text, err := r.string()
		if need == nil || err != nil {
			return nil, err
		}
		return string(text), nil
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	}
	number, err := r.number()
	if need == nil || err != nil {
		return nil, err
	}
	return numberOf(string(number))
}

// open enters an object or a list.
func (r *jsonReader) open() error {
	r.at++
	if r.depth++; r.depth > maxDepth {
		return tooDeep()
	}
	return nil
}

// more tells whether an object or a list, of which something was read, goes on
// behind a comma, and leaves it if not.
func (r *jsonReader) more(end byte) (bool, error) {
	switch r.next() {
	case ',':
		r.at++
		return true, nil
	case end:
		r.at++
		r.depth--
		return false, nil
	}
	return false, errSyntax
}

// isEmpty leaves an object or a list that has just been entered, if it is empty.
func (r *jsonReader) isEmpty(end byte) bool {
	if r.next() != end {
		return false
	}
	r.at++
	r.depth--
	return true
}

func (r *jsonReader) object(need *fields) (any, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	var object map[string]any
	if need != nil {
		object = map[string]any{}
	}
	r.names.open()
	for more := !r.isEmpty('}'); more; {
		key, below, err := r.name(need)
		if err != nil {
			return nil, err
		}
		value, err := r.value(below)
		if err != nil {
			return nil, err
		}
		if below != nil {
			if len(object) == 0 {
				r.held += objectValues
			}
			object[key] = value
		}
		if more, err = r.more('}'); err != nil {
			return nil, err
		}
	}
	r.names.close()
	return object, nil
}

// name reads the next name of an object, with the colon behind it, and says what is
// needed of its value. It is returned only for one that is needed at all.
func (r *jsonReader) name(need *fields) (string, *fields, error) {
	if r.next() != '"' {
		return "", nil, errSyntax
	}
	begin := r.at
	name, err := r.string()
	if err != nil {
		return "", nil, err
	}
	if len(name) < r.at-begin-len(`""`) { // it had escapes, and the next one may overwrite it
		name = bytes.Clone(name)
	}
	if r.next() != ':' {
		return "", nil, errSyntax
	}
	r.at++
	if err := r.names.add(name); err != nil {
		return "", nil, err
	}
	if need == nil {
		return "", nil, nil
	}
	below := need.of(name)
	if below == nil {
		return "", nil, nil
	}
	return string(name), below, nil
}

// array keeps all elements or, where only fields of an object were asked for,
// none: a list has no fields. It still is a list, so that asking for one is
// told as the mistake it is.
func (r *jsonReader) array(need *fields) (any, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	var list []any
	var below *fields
	if need != nil {
		list, below = []any{}, need.elements()
	}
	for more := !r.isEmpty(']'); more; {
		value, err := r.value(below)
		if err != nil {
			return nil, err
		}
		if below != nil {
			list = append(list, value)
		}
		if more, err = r.more(']'); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// numberOf keeps all digits of an integer: one beyond 64 bits is the text of them.
func numberOf(text string) (any, error) {
	if i, err := strconv.Atoi(text); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errTooLarge
	}
	if !strings.ContainsAny(text, ".eE") {
		return text, nil
	}
	return f, nil
}

var errTooLarge = &MalformedError{"not JSON: a number is too large"}
