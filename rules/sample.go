package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Sample is a payload as a provider sends it for an event. Null, an empty list
// and an empty object stand for something of which no more is known.
type Sample struct {
	Provider string // the name of its preset
	Event    string // as request.event has it
	Payload  []byte // JSON
}

// Samples are what is at hand of a provider, by the name of its preset: nothing, of
// one of which too little is known.
type Samples func(provider string) ([]Sample, error)

// catalogue is what is known of providers, by their presets' names.
type catalogue map[string]*provider

// A provider is what is known of its events.
type provider struct {
	name   string
	events map[string]*shape
	unions map[string]*shape // of several events, by their names: asked for again and again
}

func learn(samples []Sample) (catalogue, error) {
	c := catalogue{}
	for _, s := range samples {
		payload, err := readJSON(s.Payload, everything)
		if err != nil {
			return nil, fmt.Errorf("the sample of %s %s: %w", s.Provider, s.Event, err)
		}
		p := c[s.Provider]
		if p == nil {
			p = &provider{name: s.Provider, events: map[string]*shape{}, unions: map[string]*shape{}}
			c[s.Provider] = p
		}
		if p.events[s.Event] == nil {
			p.events[s.Event] = &shape{}
		}
		p.events[s.Event].learn(payload)
	}
	return c, nil
}

// payload is the shape of what the events have, nil if nothing is known of one of
// them. anyEvent means all that are known.
func (p *provider) payload(events []string) *shape {
	if p == nil {
		return nil
	}
	key := "*"
	if events != nil {
		key = strings.Join(events, "\n")
	}
	if union, ok := p.unions[key]; ok {
		return union
	}
	p.unions[key] = p.union(events)
	return p.unions[key]
}

func (p *provider) union(events []string) *shape {
	if events == nil {
		events = p.names()
	}
	all := &shape{}
	for _, event := range events {
		one := p.events[event]
		if one == nil {
			return nil
		}
		all.merge(one)
	}
	return all
}

// A valueKind is what a value is, in words.
type valueKind string

const (
	textKind   valueKind = "a text"
	numberKind valueKind = "a number"
	boolKind   valueKind = "true or false"
	listKind   valueKind = "a list"
	objectKind valueKind = "an object"
)

// A shape is what values at one place have been seen to be. A nil shape is one of
// which nothing is known.
type shape struct {
	kinds    []valueKind       // none: nothing but null was seen
	fields   map[string]*shape // of an object
	open     bool              // an object may have others
	rest     *shape            // what those are
	element  *shape            // of a list
	computed bool              // by the expression, not seen
}

func is(k valueKind) *shape { return &shape{kinds: []valueKind{k}, computed: true} }

func listShape(element *shape) *shape {
	return &shape{kinds: []valueKind{listKind}, element: element, computed: true}
}

func (s *shape) add(k valueKind) {
	if !slices.Contains(s.kinds, k) {
		s.kinds = append(s.kinds, k)
	}
}

func (s *shape) learn(value any) {
	switch v := value.(type) {
	case string:
		s.add(textKind)
	case int, float64:
		s.add(numberKind)
	case bool:
		s.add(boolKind)
	case []any:
		s.add(listKind)
		for _, e := range v {
			if s.element == nil {
				s.element = &shape{}
			}
			s.element.learn(e)
		}
	case map[string]any:
		s.add(objectKind)
		s.open = s.open || len(v) == 0
		for name, below := range v {
			s.field(name).learn(below)
		}
	}
}

// field is the shape of a field, made if there was none.
func (s *shape) field(name string) *shape {
	if s.fields == nil {
		s.fields = map[string]*shape{}
	}
	if s.fields[name] == nil {
		s.fields[name] = &shape{}
	}
	return s.fields[name]
}

// merge makes a shape of all that either has been seen to be.
func (s *shape) merge(other *shape) {
	for _, k := range other.kinds {
		s.add(k)
	}
	s.open = s.open || other.open
	for name, below := range other.fields {
		s.field(name).merge(below)
	}
	if other.element != nil {
		if s.element == nil {
			s.element = &shape{}
		}
		s.element.merge(other.element)
	}
}

// unknown tells that nothing can be said about the value.
func (s *shape) unknown() bool { return s == nil || len(s.kinds) == 0 }

// only tells that the value is of this kind whenever it is there.
func (s *shape) only(k valueKind) bool { return !s.unknown() && len(s.kinds) == 1 && s.kinds[0] == k }

// may tells that the value can be of this kind.
func (s *shape) may(k valueKind) bool { return s.unknown() || slices.Contains(s.kinds, k) }

// String says what the value is, and how that is known: "is a number in the
// recorded payloads".
func (s *shape) String() string {
	words := make([]string, len(s.kinds))
	for i, k := range s.kinds {
		words[i] = string(k)
	}
	text := "is " + strings.Join(words, " or ")
	if !s.computed {
		text += " in the recorded payloads"
	}
	return text
}

// comparable tells that two values can be equal.
func (s *shape) comparable(other *shape) bool {
	return s.unknown() || other.unknown() || slices.ContainsFunc(s.kinds, other.may)
}

// requestShape is what `request` has in a hook with these parameters.
func requestShape(params []string) *shape {
	texts := &shape{kinds: []valueKind{objectKind}, open: true, rest: is(textKind), computed: true}
	request := &shape{kinds: []valueKind{objectKind}, fields: map[string]*shape{}, computed: true}
	for _, name := range requestFields {
		request.fields[name] = is(textKind)
	}
	request.fields["headers"], request.fields["query"] = texts, texts
	path := &shape{kinds: []valueKind{objectKind}, fields: map[string]*shape{}, computed: true}
	for _, name := range params {
		path.fields[name] = is(textKind)
	}
	request.fields["params"] = path
	return request
}

// parametersOf lists the names of a hook path's parameters.
func parametersOf(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if isParameter(segment) {
			names = append(names, segment[1:])
		}
	}
	return names
}

// names lists the events that are known.
func (p *provider) names() []string { return slices.Collect(maps.Keys(p.events)) }

// with lists the events whose payload has a field.
func (p *provider) with(field string) []string {
	var events []string
	for _, event := range slices.Sorted(maps.Keys(p.events)) {
		if p.events[event].fields[field] != nil {
			events = append(events, event)
		}
	}
	return events
}
