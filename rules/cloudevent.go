package rules

import (
	"bytes"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/hooktender/hooktender/rules/verify"
)

// CloudEvents (HTTP Protocol Binding 1.0.2) come in two modes. In the structured
// one the body is the whole event, attributes and data; in the binary one the
// attributes are headers and the body is the data. Rules see the same in both:
// what the structured mode writes.

const eventHeader = "Ce-"

// isBinaryEvent tells whether the headers are those of a CloudEvent whose body is
// its data.
func isBinaryEvent(h http.Header) bool { return h.Get("Ce-Specversion") != "" }

// readBinaryEvent makes one object of the attributes and the data.
func readBinaryEvent(r *Request, need *fields) (any, error) {
	event := map[string]any{}
	for name, values := range r.Header {
		attribute, ok := strings.CutPrefix(name, eventHeader)
		if !ok || len(values) == 0 {
			continue
		}
		value, err := url.PathUnescape(values[0]) // section 3.1.3.2
		if err != nil || !utf8.ValidString(value) {
			return nil, &MalformedError{"the CloudEvents header " + name + " is not percent-encoded UTF-8"}
		}
		event[strings.ToLower(attribute)] = value
	}
	if media := r.Header.Get("Content-Type"); media != "" {
		event["datacontenttype"] = media
	}
	if len(r.Body) == 0 {
		return event, nil
	}
	kind, err := contentOf(r.Header)
	if err != nil {
		event["data_base64"] = base64.StdEncoding.EncodeToString(r.Body)
		return event, nil
	}
	data, err := readBody(r, kind, formFields{}, need.of([]byte("data")))
	if err != nil {
		return nil, err
	}
	event["data"] = data
	return event, nil
}

// identifyEvent takes event and id from a CloudEvent, where the sender's scheme
// does not name them.
func (h *Hook) identifyEvent(r *Request) {
	if r.Event != "" && r.ID != "" {
		return
	}
	event, id, _ := h.attributesOf(r)
	if r.Event == "" {
		r.Event = event
	}
	if r.ID == "" {
		r.ID = id
	}
}

// attributesOf are what tells a CloudEvent from others, "" for all else.
func (h *Hook) attributesOf(r *Request) (event, id, source string) {
	switch {
	case h.takesEvents() && isBinaryEvent(r.Header):
		return r.Header.Get("Ce-Type"), r.Header.Get("Ce-Id"), r.Header.Get("Ce-Source")
	case h.content == contentCloudEvents:
		return eventOf(r.Body, false)
	case h.content.mayBeJSON() && h.unsignedHeaders:
		// The rules read the same under several a Content-Type that anybody can write,
		// so it must be the same event.
		return eventOf(r.Body, true)
	case h.content.mayBeJSON() && isStructuredEvent(r.Header):
		return eventOf(r.Body, false)
	}
	return "", "", ""
}

// sourceOf is the source of a CloudEvent whose id is the one that counts. Where the
// sender's scheme names ids of its own, what else says source is none of theirs.
func (h *Hook) sourceOf(r *Request, evidence *verify.Request) string {
	if h.verifier != nil && h.unsignedHeaders {
		if _, named := h.verifier.Identify(evidence); named != "" {
			return ""
		}
	}
	if _, id, source := h.attributesOf(r); id == r.ID {
		return source
	}
	return ""
}

func isStructuredEvent(h http.Header) bool {
	value := h.Get("Content-Type")
	if !strings.Contains(value, "cloudevents") {
		return false
	}
	media, _, err := mime.ParseMediaType(value)
	return err == nil && media == "application/cloudevents+json"
}

// eventOf reads type, id and source of a whole event, which has to say that it is one
// where nothing else does. One that cannot be read is told when
// the rules are asked. So are names that stand twice: to remember all of them here
// would take several times the memory of the body, of a sender who may have proven
// nothing.
func eventOf(body []byte, mustSay bool) (event, id, source string) {
	if mustSay && !bytes.Contains(body, []byte(`"specversion"`)) {
		return "", "", "" // most bodies, for which it costs nothing
	}
	need := &fields{}
	need.add([]string{"type"})
	need.add([]string{"id"})
	need.add([]string{"source"})
	need.add([]string{"specversion"})
	value, err := new(jsonReader).read(body, need)
	if err != nil {
		return "", "", ""
	}
	object, _ := value.(map[string]any)
	if _, says := object["specversion"].(string); mustSay && !says {
		return "", "", ""
	}
	event, _ = object["type"].(string)
	id, _ = object["id"].(string)
	source, _ = object["source"].(string)
	return event, id, source
}
