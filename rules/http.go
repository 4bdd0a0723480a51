package rules

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// An HTTPCall is a request that a rule makes, complete but for its secrets.
// [HTTPCall.Address] and [HTTPCall.Payload] fill those in.
type HTTPCall struct {
	Method  string   `json:"method"`
	URL     Text     `json:"url"`
	Headers []EnvVar `json:"headers,omitempty"` // in the order of the file
	Body    Text     `json:"body,omitempty"`    // its literal parts are spelt as BodyAs says
	BodyAs  BodyAs   `json:"body_as,omitempty"`
	// ContentType is that of the body, "" where there is none or nobody said.
	ContentType string   `json:"content_type,omitempty"`
	Sign        *Signing `json:"sign,omitempty"`
	Expect      string   `json:"expect,omitempty"` // condition on the answer; "": any 2xx
	Redirects   int      `json:"redirects,omitempty"`
	Private     bool     `json:"private,omitempty"`  // the host may be on this machine or in its network
	Anywhere    bool     `json:"anywhere,omitempty"` // and so may be where redirects lead
}

// BodyAs says what the body of a request is.
type BodyAs string

const (
	BodyNone     BodyAs = ""
	BodyJSON     BodyAs = "json" // references stand within strings of it
	BodyForm     BodyAs = "form"
	BodyText     BodyAs = "text"
	BodyDelivery BodyAs = "delivery" // that of the delivery, as it arrived
)

// httpCall is the setting, whose texts may hold values.
type httpCall struct {
	method    string
	url       *urlValue
	headers   []envSetting
	bodyAs    BodyAs
	json      *jsonTree
	form      []envSetting
	body      value
	sign      *Signing
	expect    *expression
	redirects int
	private   *bool // nil: not said
}

var httpCalls = kind[*httpCall]{node.readHTTP, func() *schema {
	return &schema{AnyOf: []*schema{aText("")(), mappingOf((&httpCall{}).settings()...)}, Title: "URL, or mapping"}
}}

// readHTTP reads a URL, or all that can be said of a request.
func (n node) readHTTP() *httpCall {
	h := &httpCall{method: http.MethodPost}
	if n.Kind != yaml.MappingNode || isUnquotedValue(n.Node) {
		h.url = n.urlValue()
		h.bodyAs = BodyDelivery
		return h
	}
	n.mapping(h.settings()...)
	h.check(n)
	return h
}

func (h *httpCall) settings() []setting {
	return []setting{
		{"url", urlValues.to(&h.url), "where to; what a payload contributes to it is escaped", mustBe},
		{"method", oneOf(methods...).to(&h.method), "HTTP method", "`POST`"},
		{"headers", form{h.readHeaders, func() *schema { return headersSchema(anyScalar()) }}, "headers of the request, beside our own", "none"},
		{"json", form{func(n node) { h.bodyIs(BodyJSON, n); h.json = n.jsonTree() }, func() *schema { return &schema{Title: "anything"} }}, "the body as JSON: any tree; a text that is one {{ value }} keeps the value's type", ""},
		{"form", form{func(n node) { h.bodyIs(BodyForm, n); h.readForm(n) }, formSchema}, "the body as a form", ""},
		{"body", form{func(n node) { h.bodyIs(BodyText, n); h.body = n.value() }, values.schema}, "the body as text with {{ values }}", "with POST, PUT and PATCH the delivery's body, as it arrived"},
		{"sign", signings.to(&h.sign), "how the receiver can tell that it is genuine: a provider's scheme and its secret, as in `{standard-webhooks: \"${env:SECRET}\"}`", "not at all"},
		{"expect", conditions.to(&h.expect), "which answers are good: a condition on `status`, `headers` and `body`", "any 2xx"},
		{"redirects", redirectCounts.to(&h.redirects), "how many redirects are followed", "`0`"},
		{"private", booleans.do(func(b bool) { h.private = &b }), "whether it may lead to this machine or its network; `true` says the same of redirects", "only where no value decides on the host"},
	}
}

var redirectCounts = kind[int]{node.redirects, func() *schema {
	return &schema{Title: "number from 0 to 20", Type: []string{"integer", "string"}, Pattern: `^[0-9]+$`}
}}

func (n node) redirects() int {
	s, ok := n.scalar()
	i, err := strconv.Atoi(s)
	if ok && (err != nil || i < 0 || i > 20) {
		n.problem("%q is not a number from 0 to 20", s)
	}
	return i
}

// bodyIs notes what the body is. It can be one thing only.
func (h *httpCall) bodyIs(as BodyAs, n node) {
	if h.bodyAs != BodyNone {
		setting := map[BodyAs]string{BodyText: "body"}[h.bodyAs]
		if setting == "" {
			setting = string(h.bodyAs)
		}
		n.problem("%s says already what the body is; leave one of them out", setting)
	}
	h.bodyAs = as
}

func (h *httpCall) check(n node) {
	if h.url == nil && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == "url" }) {
		n.problem("has no url; write where the request goes, as in url: https://crm.example.com/contacts")
	}
	switch {
	case h.bodyAs != BodyNone && (h.method == http.MethodGet || h.method == http.MethodHead):
		n.problem("a %s has no body; write the values into the query of the url, as in ?id={{ id }}", h.method)
	case h.bodyAs == BodyNone && slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, h.method):
		h.bodyAs = BodyDelivery
	}
}

// of fills in what the event says.
func (h *httpCall) of(env environment) (*HTTPCall, error) {
	call := &HTTPCall{Method: h.method, BodyAs: h.bodyAs, Redirects: h.redirects, Private: !h.url.chosen}
	if h.private != nil {
		call.Private, call.Anywhere = *h.private, *h.private
	}
	if h.expect != nil {
		call.Expect = h.expect.source
	}
	var err error
	if call.URL, err = h.url.text(env); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if call.Headers, err = h.headersOf(env); err != nil {
		return nil, err
	}
	if err := h.fillBody(call, env); err != nil {
		return nil, err
	}
	if h.sign != nil {
		sign := *h.sign
		if call.BodyAs == BodyDelivery {
			sign.Event = env.Request.request.Event
		}
		call.Sign = &sign
	}
	return call, nil
}

func (h *httpCall) headersOf(env environment) (headers []EnvVar, err error) {
	for _, header := range h.headers {
		text, err := header.value.text(env)
		if err != nil {
			return nil, fmt.Errorf("headers: %s: %w", header.name, err)
		}
		for _, part := range text {
			if strings.ContainsFunc(part.Literal, isControl) {
				return nil, fmt.Errorf("headers: %s: holds a line break or another control character, which no header can", header.name)
			}
		}
		headers = append(headers, EnvVar{header.name, text})
	}
	return headers, nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// fields is what the call reads of the payload.
func (h *httpCall) fields() *fields {
	all := &fields{}
	if h == nil {
		return all
	}
	if h.url != nil {
		all.merge(h.url.value.fields())
	}
	for _, v := range slices.Concat(h.headers, h.form) {
		all.merge(v.value.fields())
	}
	all.merge(h.body.fields())
	h.json.merge(all)
	return all
}

func (h *httpCall) readHeaders(n node) {
	for name, value := range n.requestHeaders() {
		h.headers = append(h.headers, envSetting{name, value.value()})
	}
}

// anyScalar is a text with values, which YAML may have for a number.
func anyScalar() *schema {
	return &schema{Title: "text with {{ values }}", Type: []string{"string", "number", "boolean"}}
}
