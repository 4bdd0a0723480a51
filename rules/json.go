package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of a payload. Real deliveries stay below 20.
const maxDepth = 200

// A jsonReader reads one JSON text strictly (RFC 8259 with unique names, RFC
// 7493): duplicate names, invalid UTF-8, anything after the value and absurd
// depth are errors, wherever in the text they stand.
type jsonReader struct {
	buf     bytes.Buffer
	decoder *jsontext.Decoder
	held    int // values that are kept
	names   nameSet
	around  []bool // of the values that skim is in: whether they are objects
}

// maxPooled is the size of a body, in bytes, whose reader is used again. One that
// has read a large body keeps the memory that all of its names took.
const maxPooled = 1 << 20

var jsonReaders = sync.Pool{New: func() any {
	return &jsonReader{decoder: jsontext.NewDecoder(new(bytes.Buffer)), names: newNameSet()}
}}

// readJSON returns the value of a JSON text: map[string]any, []any, string, int,
// float64, bool or nil. Integers that fit 64 bits are int, and longer ones texts,
// so that none loses a digit; other numbers are float64, which has about 16 of them. Of
// objects, only what need asks for is kept; the rest is checked all the same.
func readJSON(body []byte, need *fields) (any, error) {
	return readJSONWith(body, need)
}

// readJSONWith is readJSON with other options of the decoder.
func readJSONWith(body []byte, need *fields, options ...jsontext.Options) (any, error) {
	r := jsonReaders.Get().(*jsonReader)
	if len(body) <= maxPooled {
		defer jsonReaders.Put(r)
	}
	// The decoder reads a bytes.Buffer in place, without copying the body.
	r.buf = *bytes.NewBuffer(trimMark(body))
	r.decoder.Reset(&r.buf, append(options, jsontext.AllowDuplicateNames(true))...) // names sees to them
	r.held, r.around = 0, r.around[:0]
	defer func() { r.buf = bytes.Buffer{}; r.decoder.Reset(&r.buf); r.names.reset() }()

	value, err := r.value(need)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, malformedJSON(err)
	}
	return value, nil
}

func malformedJSON(err error) error {
	var syntax *jsontext.SyntacticError
	var malformed *MalformedError
	switch {
	case errors.As(err, &malformed):
		return malformed
	case errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &MalformedError{"not JSON: it ends too early"}
	case errors.As(err, &syntax) && strings.Contains(syntax.Err.Error(), "max depth"): // the decoder's own is far beyond ours
		return tooDeep()
	case errors.As(err, &syntax):
		return &MalformedError{fmt.Sprintf("not JSON: %v, after byte %d", syntax.Err, syntax.ByteOffset)}
	}
	return &MalformedError{"not JSON: " + err.Error()}
}

func (r *jsonReader) end() error {
	if _, err := r.decoder.ReadToken(); err == nil {
		return &MalformedError{"not JSON: something follows the value"}
	} else if err != io.EOF {
		return err
	}
	return nil
}

// value reads the next value, or checks and skips it if nothing of it is needed.
func (r *jsonReader) value(need *fields) (any, error) {
	if need != nil {
		if r.held++; r.held > maxValues {
			return nil, tooManyValues()
		}
	}
	if need == nil {
		raw, err := r.decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		return nil, r.skim(raw)
	}
	kind := r.decoder.PeekKind()
	switch {
	case kind == '{':
		return r.object(need)
	case kind == '[':
		return r.array(need)
	}
	token, err := r.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	return scalar(token)
}

func (r *jsonReader) open() error {
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	if r.decoder.StackDepth() > maxDepth {
		return tooDeep()
	}
	return nil
}

func (r *jsonReader) object(need *fields) (any, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	object := map[string]any{}
	r.names.open()
	for r.decoder.PeekKind() != '}' {
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
	}
	r.names.close()
	_, err := r.decoder.ReadToken()
	return object, err
}

// name reads the next name of an object and says what is needed of its value.
// It is spelt out only for one that is needed at all.
func (r *jsonReader) name(need *fields) (string, *fields, error) {
	raw, err := r.decoder.ReadValue()
	if err != nil {
		return "", nil, err
	}
	name, err := r.names.add(raw)
	if err != nil {
		return "", nil, err
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
	list, below := []any{}, need.elements()
	for r.decoder.PeekKind() != ']' {
		value, err := r.value(below)
		if err != nil {
			return nil, err
		}
		if below != nil {
			list = append(list, value)
		}
	}
	_, err := r.decoder.ReadToken()
	return list, err
}

func scalar(token jsontext.Token) (any, error) {
	switch token.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		return token.String(), nil
	}
	return number(token)
}

// number keeps all digits of an integer: one beyond 64 bits is the text of them.
func number(token jsontext.Token) (any, error) {
	text := token.String()
	if i, err := strconv.Atoi(text); err == nil {
		return i, nil
	}
	f, err := token.Float()
	if err != nil {
		return nil, errTooLarge
	}
	if !strings.ContainsAny(text, ".eE") {
		return text, nil
	}
	return f, nil
}

var errTooLarge = &MalformedError{"not JSON: a number is too large"}
