package rules

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Poll is a URL whose JSON becomes a payload: all of it when it has changed, or
// each item of a list once.
type Poll struct {
	Target
	Headers []Header
	Timeout time.Duration
	Each    bool // look: an event of every one, changed or not
	First   bool // what the first look of all finds is an event, too

	hook    *Hook
	by      value       // what tells a change; nil: any other byte
	items   *expression // nil: the payload as a whole
	id      value       // of an item
	changed *node       // where the file says what a change is
}

// maxItems bounds a list. Their ids are remembered.
const maxItems = 10_000

// An Item is an element of a list that a poll has found.
type Item struct {
	ID   string
	Body []byte // JSON
}

func readPoll(n node) *Poll {
	p := &Poll{Timeout: 30 * time.Second}
	first := ""
	n.mapping(p.settings(&first)...)
	if n.Kind != yaml.MappingNode {
		return p
	}
	if p.URL == "" {
		n.problem("has no url; write url: https://example.com/status.json")
	}
	switch {
	case p.items == nil && p.id != nil:
		n.problem("has an id, but no items that it could tell apart; write items: and where the list is, as in items: data.list")
	case p.items != nil && p.changed != nil:
		p.changed.problem("excludes items: an item is an event once, when it is new")
	case p.items != nil && p.id == nil:
		p.id, _ = compileValue("{{ id }}", n.file.folder())
	}
	p.First = first == firstEvent || first == "" && p.items == nil
	return p
}

const (
	firstEvent    = "event"
	firstRemember = "remember"
)

func (p *Poll) settings(first *string) []setting {
	return []setting{
		{"url", targets.to(&p.Target), "what is asked for, by GET", mustBe},
		{"headers", sentHeaders.to(&p.Headers), "headers that are sent", "none"},
		{"timeout", durations.do(func(d Duration) { p.Timeout = time.Duration(d) }), "of one look", "`30s`"},
		{"changed", form{p.readChanged, changedSchema}, "`true`: what has changed is an event; a text with {{ values }}: only what changes these counts; `false`: each look is an event", "`true`"},
		{"items", form{func(n node) { p.items = n.items() }, conditions.schema}, "where in the payload a list is, each of whose elements is an event once, and its payload", "the payload as a whole"},
		{"id", keys.to(&p.id), "what tells one item from another", "with `items`: `{{ id }}`"},
		{"first", oneOf(firstEvent, firstRemember).to(first), "what becomes of what the first look of all finds: an `event`, or nothing but to `remember` it", "`event`; with `items` `remember`"},
	}
}

var polls = kind[*Poll]{readPoll, func() *schema { return mappingOf((&Poll{}).settings(new(string))...) }}

func changedSchema() *schema {
	return either("true, false, or text with {{ values }}", &schema{Type: []string{"boolean"}}, aText("")())()
}

func (p *Poll) readChanged(n node) {
	p.changed = &n
	if n.Tag == "!!bool" {
		p.Each = !n.boolean()
		return
	}
	if p.by = n.value(); p.by != nil && !slices.ContainsFunc(p.by, func(part valuePart) bool { return part.expression != nil }) {
		n.problem("holds no {{ value }}, so it never changes; write what does, as in \"{{ version }}\"")
	}
}

// items reads an expression that gives a list.
func (n node) items() *expression {
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	if strings.Contains(s, "{{") {
		n.problem("is an expression already; write it without {{ }}")
		return nil
	}
	e, err := compileExpression(s)
	if err != nil {
		n.problemIn(err)
		return nil
	}
	return e
}

// Identity tells whether what was known of it still says something: it changes
// with the URL, and with what is an event.
func (p *Poll) Identity() string {
	identity := p.Key + " " + p.id.source() + " " + p.by.source()
	if p.items != nil {
		identity += " " + p.items.source
	}
	return identity
}

// source is about what the file has; references are not read.
func (v value) source() (s string) {
	for _, part := range v {
		s += part.Literal + string(part.Ref)
		if part.expression != nil {
			s += "{{" + part.expression.source + "}}"
		}
	}
	return s
}

// HasItems tells that the elements of a list are looked for.
func (p *Poll) HasItems() bool { return p.items != nil }

// Type is the Content-Type by which an answer is read: XML where the server says
// so, and JSON whatever else it says.
func (p *Poll) Type(h http.Header) string {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err == nil && (media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml")) {
		if charset := params["charset"]; charset != "" {
			return media + "; charset=" + charset
		}
		return media
	}
	return "application/json"
}

// Mark is what an answer is told by from one that has changed. The error says why
// it cannot be read.
func (p *Poll) Mark(e *Event) (string, error) {
	env, err := p.read(e, p.by.fields())
	if err != nil || p.by == nil {
		return string(e.Body), err
	}
	text, err := p.by.text(env)
	if err != nil {
		return "", fmt.Errorf("changed: %w", err)
	}
	return text.String(), nil
}

// Items lists the elements of the list, each with its id, in the order of the
// list. The error says why it cannot be read.
func (p *Poll) Items(e *Event) ([]Item, error) {
	env, err := p.read(e, &p.items.fields)
	if err != nil {
		return nil, err
	}
	found, err := p.items.eval(env)
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	list, ok := found.([]any)
	switch {
	case !ok:
		return nil, fmt.Errorf("items: %s: gives %s, and it must give a list", p.items.source, describe(found))
	case len(list) > maxItems:
		return nil, fmt.Errorf("items: %s: has %d elements, and at most %d are looked at", p.items.source, len(list), maxItems)
	}
	items := make([]Item, len(list))
	for i, element := range list {
		if items[i], err = p.item(env, element); err != nil {
			return nil, fmt.Errorf("items: element %d: %w", i, err)
		}
	}
	return items, nil
}

func (p *Poll) item(env environment, element any) (Item, error) {
	id, err := p.id.text(environment{Payload: element, Request: env.Request})
	if err != nil {
		return Item{}, fmt.Errorf("id: %w", err)
	}
	if id.String() == "" {
		return Item{}, fmt.Errorf("its id is empty; write what tells one from another, as in id: \"{{ url }}\"")
	}
	body, err := spellJSON(element)
	if err != nil {
		return Item{}, err
	}
	return Item{ID: id.String(), Body: []byte(body)}, nil
}

func (p *Poll) read(e *Event, need *fields) (environment, error) {
	r := p.hook.request(e)
	payload, err := p.hook.payload(r, need)
	if err != nil {
		return environment{}, err
	}
	return environment{Payload: payload, Request: &requestView{request: r, hook: p.hook}}, nil
}
