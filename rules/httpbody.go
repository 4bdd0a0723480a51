package rules

import (
	"fmt"
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
	typeText = "text/plain; charset=utf-8"
)

func formSchema() *schema {
	one := &schema{Type: []string{"string", "number", "boolean"}}
	s := namedOf(nil, &schema{AnyOf: []*schema{one, listOf(one)}})
	s.Title = "fields, each a text with {{ values }} or a list of them"
	return s
}

func (h *httpCall) readForm(n node) {
	for key, value := range n.entries() {
		fields := []node{value}
		if value.Kind == yaml.SequenceNode {
			fields = value.list()
		}
		for _, field := range fields {
			h.form = append(h.form, envSetting{key.Value, field.value()})
		}
	}
}

// fillBody makes the body of a call, or says which it is.
func (h *httpCall) fillBody(call *HTTPCall, env environment) (err error) {
	w := &textWriter{}
	switch h.bodyAs {
	case BodyDelivery:
		r := env.Request.request
		if call.ContentType = r.Header.Get("Content-Type"); len(r.Body) == 0 {
			call.BodyAs, call.ContentType = BodyNone, ""
		}
	case BodyJSON:
		call.ContentType = typeJSON
		if err := h.json.write(w, env); err != nil {
			return fmt.Errorf("json: %w", err)
		}
		call.Body = w.done()
	case BodyForm:
		call.ContentType = typeForm
		for _, field := range h.form {
			if err := field.write(w, env); err != nil {
				return fmt.Errorf("form: %s: %w", field.name, err)
			}
		}
		call.Body = w.done()
	case BodyText:
		call.ContentType = typeText
		if call.Body, err = h.body.text(env); err != nil {
			return fmt.Errorf("body: %w", err)
		}
	}
	return nil
}

// write writes a field of a form behind others.
func (s envSetting) write(w *textWriter, env environment) error {
	text, err := s.value.text(env)
	if err != nil {
		return err
	}
	if !w.empty() {
		w.WriteByte('&')
	}
	w.WriteString(url.QueryEscape(s.name) + "=")
	for _, p := range text {
		if p.Ref != "" {
			w.reference(p.Ref)
			continue
		}
		w.WriteString(url.QueryEscape(p.Literal))
	}
	return nil
}

// Payload is the body of the request, its references filled in by reveal, which
// is asked about one at a time. That of a delivery is not ours to know.
func (h *HTTPCall) Payload(reveal func(Text) (string, error)) ([]byte, error) {
	s, err := h.Body.fillIn(reveal, func(_, secret string) string {
		switch h.BodyAs {
		case BodyJSON:
			inside, err := insideJSON(secret)
			if err != nil {
				return "" // a text can always be written
			}
			return inside
		case BodyForm:
			return url.QueryEscape(secret)
		}
		return secret
	})
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return []byte(s), nil
}

// A textWriter puts a Text together.
type textWriter struct {
	text Text
	strings.Builder
}

func (w *textWriter) empty() bool { return len(w.text) == 0 && w.Len() == 0 }

func (w *textWriter) reference(r Reference) {
	w.flush()
	w.text = append(w.text, Part{Ref: r})
}

func (w *textWriter) flush() {
	if w.Len() > 0 {
		w.text = append(w.text, Part{Literal: w.String()})
		w.Reset()
	}
}

func (w *textWriter) done() Text {
	w.flush()
	return w.text
}
