package rules

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
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
	contentAuto      content = ""     // by the Content-Type header
	contentJSON      content = "json" // whatever the header says
	contentForm      content = "form"
	contentXML       content = "xml"
	contentText      content = "text"
	contentMultipart content = "multipart"
	contentEither    content = "json|form" // of providers that send both: whichever was signed

	contentCloudEvents content = "cloudevents" // of either mode, where the proof speaks of headers
)

// mayBeJSON tells that a body is read as JSON if it looks like it.
func (c content) mayBeJSON() bool {
	return c == contentAuto || c == contentJSON || c == contentEither
}

// payload reads what a request carries: its body or, where a sender can only
// call a URL, the query. Of a JSON object only what need asks for is there.
func (h *Hook) payload(r *Request, need *fields) (any, error) {
	switch {
	case !takesQuery(r):
		return payloadOf(r, h.reading, need)
	case h.unsignedQuery:
		return nil, nil
	}
	return readForm([]byte(h.maskQuery(r.RawQuery)), h.form, everything)
}

// payloadOf reads the body of a request: nil for an empty one, otherwise an
// object as map[string]any or any other JSON value. Of a JSON object only what
// need asks for is there.
func payloadOf(r *Request, how reading, need *fields) (any, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, fmt.Errorf("%w: Content-Encoding %q is not read", ErrUnsupported, encoding)
	}
	kind := how.content
	if how.takesEvents() && isBinaryEvent(r.Header) {
		return readBinaryEvent(r, need)
	}
	if len(r.Body) == 0 {
		return nil, nil
	}
	switch kind {
	case contentAuto:
		var err error
		if kind, err = contentOf(r.Header); err != nil {
			return nil, err
		}
	case contentEither:
		kind = how.signedKind(r)
	}
	return readBody(r, kind, how.form, need)
}

func readBody(r *Request, kind content, form formFields, need *fields) (any, error) {
	switch kind {
	case contentForm:
		return readForm(r.Body, form, need)
	case contentXML:
		return readXML(r.Body)
	case contentText:
		return readText(r.Body)
	case contentMultipart:
		return readMultipart(r.Header.Get("Content-Type"), r.Body)
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
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", fmt.Errorf("%w: Content-Type %q cannot be read", ErrUnsupported, value)
	}
	switch {
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return contentJSON, nil
	case media == "application/x-www-form-urlencoded":
		return contentForm, nil
	case media == "multipart/form-data":
		return contentMultipart, nil
	}
	// Of JSON and forms the charset is fixed; of these it is what the sender says.
	if charset := params["charset"]; charset != "" && !slices.Contains(readable, strings.ToLower(charset)) {
		return "", fmt.Errorf("%w: the charset %s is not read; send UTF-8", ErrUnsupported, charset)
	}
	switch {
	case media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml"):
		return contentXML, nil
	case media == "text/plain":
		return contentText, nil
	}
	return "", fmt.Errorf("%w: %s; send application/json, application/x-www-form-urlencoded, multipart/form-data, application/xml or text/plain", ErrUnsupported, media)
}

// readable are the charsets whose texts are valid UTF-8 as they are.
var readable = []string{"utf-8", "utf8", "us-ascii"}

// readText is for senders that send just a message.
func readText(body []byte) (any, error) {
	body = trimMark(body)
	if !utf8.Valid(body) {
		return nil, &MalformedError{"the text is not valid UTF-8"}
	}
	return string(body), nil
}

// byteOrderMark is what some senders put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

func trimMark(body []byte) []byte { return bytes.TrimPrefix(body, byteOrderMark) }
