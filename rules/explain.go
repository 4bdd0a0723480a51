package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Definition is what of a hook decides which of its rules fire, as text. It is
// kept with the deliveries that it decided, so that they can be explained when
// the file has changed since.
type Definition struct {
	ID   int64 // made of the text: the same text has the same, 0 none
	Text string
}

type definition struct {
	Hook       string           `json:"hook"`
	Content    content          `json:"content,omitempty"`
	FormField  string           `json:"form_field,omitempty"`
	FormMust   bool             `json:"form_must,omitempty"`
	FormSigned []string         `json:"form_signed,omitempty"`
	NoHeaders  bool             `json:"no_headers,omitempty"` // unsigned, and not read
	NoQuery    bool             `json:"no_query,omitempty"`   // likewise
	FirstMatch bool             `json:"first_match,omitempty"`
	Rules      []ruleDefinition `json:"rules"`
}

type ruleDefinition struct {
	Name string `json:"name"`
	When string `json:"when,omitempty"` // an expression; "" for always
}

// Definition is the hook's. It is made when the hook is, so asking costs nothing.
func (h *Hook) Definition() *Definition { return h.definition }

func (h *Hook) define() *Definition {
	d := definition{
		Hook: h.Path, Content: h.content, FormField: h.form.json, FormMust: h.form.must, FormSigned: h.form.signed,
		NoHeaders: h.unsignedHeaders, NoQuery: h.unsignedQuery, FirstMatch: h.firstMatch,
	}
	for _, r := range h.rules {
		d.Rules = append(d.Rules, ruleDefinition{Name: r.name, When: r.asks})
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // texts can always be written
	}
	sum := sha256.Sum256(text)
	id := int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
	return &Definition{ID: id, Text: string(text)}
}

// hook makes of a definition a hook that can say of a request what its rules made
// of it, and no more than that.
func (d *Definition) hook() (*Hook, error) {
	var was definition
	if err := json.Unmarshal([]byte(d.Text), &was); err != nil {
		return nil, fmt.Errorf("read the rules of then: %w", err)
	}
	h := &Hook{Path: was.Hook, firstMatch: was.FirstMatch, definition: d, reading: reading{
		content: was.Content, form: formFields{json: was.FormField, must: was.FormMust, signed: was.FormSigned},
		unsignedHeaders: was.NoHeaders, unsignedQuery: was.NoQuery,
	}}
	for _, r := range was.Rules {
		when := condition(always{})
		if r.When != "" {
			compiled, err := compileExpression(r.When)
			if err != nil {
				return nil, fmt.Errorf("rule %q: read the condition of then: %w", r.Name, err)
			}
			when = compiled
		}
		h.rules = append(h.rules, &rule{name: r.Name, when: when, asks: r.When})
	}
	return h, nil
}

// Explain returns a delivery's decisions with their traces, and the rules that
// were not asked. It asks the conditions of then about the payload, so what it
// costs is for whoever looks. A delivery whose rules were not asked at all has
// nothing to be explained; one that lacks its definition or its body cannot be
// and is an error.
func Explain(d *Delivery, body []byte) ([]Decision, error) {
	switch {
	case len(d.Decisions) == 0:
		return nil, nil
	case d.Definition == nil || d.Definition.Text == "":
		return nil, errors.New("the rules of then are not kept")
	case int64(len(body)) != d.Size:
		return nil, errors.New("the body is not kept")
	}
	h, err := d.Definition.hook()
	if err != nil {
		return nil, err
	}
	return h.explain(d.Request(body), d.Decisions)
}

// Request is what arrived, as far as it is kept: what proved the sender reads as
// <secret>.
func (d *Delivery) Request(body []byte) *Request {
	path, query, _ := strings.Cut(d.Path, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	r := &Request{
		Hook: d.Hook, Method: d.Method, Path: path, RawQuery: query, Header: d.Header, Body: body,
		Event: d.Event, ID: d.EventID, ReceivedAt: d.ReceivedAt.Local(),
	}
	r.Params, _ = matchPath(d.Hook, path)
	r.RemoteIP, _ = netip.ParseAddr(d.RemoteIP) // a socket has none
	sent := d.Header.Get("Content-Length")
	r.unpacked = d.Verdict != Rejected && sent != "" && sent != strconv.Itoa(len(body))
	return r
}

// asked is what the conditions read of the payload.
func (h *Hook) asked() *fields {
	need := &fields{}
	for _, r := range h.rules {
		need.merge(r.when.reads())
	}
	return need
}

// explain adds traces to the decisions about a request.
func (h *Hook) explain(r *Request, decisions []Decision) ([]Decision, error) {
	payload, err := h.payload(r, everything)
	if errors.Is(err, ErrTooLarge) { // then without near names for what is missing
		payload, err = h.payload(r, h.asked())
	}
	if err != nil {
		return nil, err
	}
	env := environment{Payload: payload, Request: &requestView{request: r, hook: h}}
	explained := make([]Decision, 0, len(h.rules))
	for i, rule := range h.rules {
		if i >= len(decisions) {
			explained = append(explained, Decision{Rule: rule.name, Trace: &Trace{Text: rule.asks, Result: NotAsked,
				Note: "a rule before it fired, and this hook stops there (first_match)"}})
			continue
		}
		decision := decisions[i]
		decision.Trace = rule.when.trace(env)
		explained = append(explained, decision)
	}
	return explained, nil
}
