package rules

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// ErrUnsupported is the error of a body whose content type or encoding is not
// read: 415 for the sender.
var ErrUnsupported = errors.New("unsupported content type")

// A MalformedError is the error of a body that is not what its content type
// says: 400 for the sender. Its text says what is wrong and holds nothing that
// the sender did not send.
type MalformedError struct{ Reason string }

func (e *MalformedError) Error() string { return e.Reason }

// A content kind says how a body is read.
type content string

const (
	contentAuto content = ""     // by the Content-Type header
	contentJSON content = "json" // whatever the header says
	contentForm content = "form"
)

// payloadOf reads the body of a request: nil for an empty one, otherwise an
// object as map[string]any or any other JSON value. Of an object only what need
// asks for is there. formField names the form field that holds the JSON, for
// providers that send payload={…}.
func payloadOf(r *Request, kind content, formField string, need *fields) (any, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, fmt.Errorf("%w: Content-Encoding %q is not read", ErrUnsupported, encoding)
	}
	if len(r.Body) == 0 {
		return nil, nil
	}
	if kind == contentAuto {
		var err error
		if kind, err = contentOf(r.Header); err != nil {
			return nil, err
		}
	}
	if kind == contentForm {
		return readForm(r.Body, formField, need)
	}
	return readJSON(r.Body, need)
}

// contentOf reads the Content-Type header. A body without one is taken for JSON,
// which it then has to be.
func contentOf(h http.Header) (content, error) {
	value := h.Get("Content-Type")
	if value == "" || value == "application/json" {
		return contentJSON, nil
	}
	media, _, err := mime.ParseMediaType(value)
	if err != nil {
		return "", fmt.Errorf("%w: Content-Type %q cannot be read", ErrUnsupported, value)
	}
	switch {
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return contentJSON, nil
	case media == "application/x-www-form-urlencoded":
		return contentForm, nil
	}
	return "", fmt.Errorf("%w: %s; send application/json or application/x-www-form-urlencoded", ErrUnsupported, media)
}

// readForm makes an object of a form: a text for a field sent once, a list of
// texts for one sent more often.
func readForm(body []byte, jsonField string, need *fields) (any, error) {
	if start := bytes.TrimSpace(trimMark(body)); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return nil, &MalformedError{"the body is JSON, but Content-Type says form; send Content-Type: application/json"}
	}
	if !utf8.Valid(body) {
		return nil, &MalformedError{"the form is not valid UTF-8"}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &MalformedError{"the form cannot be read: " + err.Error()}
	}
	if jsonField != "" {
		values := form[jsonField]
		if len(values) != 1 {
			return nil, &MalformedError{fmt.Sprintf("the form has %d fields %q; there must be one, holding JSON", len(values), jsonField)}
		}
		return readJSON([]byte(values[0]), need)
	}
	object := make(map[string]any, len(form))
	for name, values := range form {
		if object[name], err = formValue(name, values); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func formValue(name string, values []string) (any, error) {
	list := make([]any, len(values))
	for i, value := range values {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, &MalformedError{"the form is not valid UTF-8"}
		}
		list[i] = value
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}

// byteOrderMark is what some senders put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

func trimMark(body []byte) []byte { return bytes.TrimPrefix(body, byteOrderMark) }
