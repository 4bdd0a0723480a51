package rules

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
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
func readBinaryEvent(r *Request, kind content, need *fields) (any, error) {
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
	if kind == contentAuto {
		var err error
		if kind, err = contentOf(r.Header); err != nil {
			event["data_base64"] = base64.StdEncoding.EncodeToString(r.Body)
			return event, nil
		}
	}
	data, err := readBody(r, kind, "", need.of([]byte("data")))
	if err != nil {
		return nil, err
	}
	event["data"] = data
	return event, nil
}

// identifyEvent takes event and id from a CloudEvent, where the sender's scheme
// does not name them.
func identifyEvent(r *Request) {
	if r.Event != "" && r.ID != "" {
		return
	}
	event, id, _ := attributesOf(r)
	if r.Event == "" {
		r.Event = event
	}
	if r.ID == "" {
		r.ID = id
	}
}

// attributesOf are what tells a CloudEvent from others, "" for all else.
func attributesOf(r *Request) (event, id, source string) {
	if event := r.Header.Get("Ce-Type"); event != "" || !isStructuredEvent(r.Header) {
		return event, r.Header.Get("Ce-Id"), r.Header.Get("Ce-Source")
	}
	return eventOf(r.Body)
}

func isStructuredEvent(h http.Header) bool {
	value := h.Get("Content-Type")
	if !strings.Contains(value, "cloudevents") {
		return false
	}
	media, _, err := mime.ParseMediaType(value)
	return err == nil && media == "application/cloudevents+json"
}

// eventOf reads type, id and source of a whole event. One that cannot be read is told when
// the rules are asked. So are names that stand twice: to remember all of them here
// would take several times the memory of the body, of a sender who may have proven
// nothing.
func eventOf(body []byte) (event, id, source string) {
	need := &fields{}
	need.add([]string{"type"})
	need.add([]string{"id"})
	need.add([]string{"source"})
	value, err := readJSONWith(body, need, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return "", "", ""
	}
	object, _ := value.(map[string]any)
	event, _ = object["type"].(string)
	id, _ = object["id"].(string)
	source, _ = object["source"].(string)
	return event, id, source
}
