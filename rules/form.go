package rules

import (
	"strings"

	"github.com/hooktender/hooktender/rules/verify"
)

// A setting is one key of a mapping. It is the one definition from which files
// are read, editors are told what may stand there, and docs/reference.md is made.
type setting struct {
	name  string
	form  form
	about string // what it means, in a few words
	unset string // what counts if it is not there; "" where nothing does
}

func settingNames(settings []setting) []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

// mustBe says of a setting that there is nothing that could count instead.
const mustBe = "must be there"

// A form is what a setting may be, and what is done with it.
type form struct {
	read   func(node)
	schema func() *schema
}

// as adds how the setting is written, for who has written something else.
func (f form) as(example string) form {
	read := f.read
	f.read = func(n node) {
		n.example = example
		read(n)
	}
	return f
}

// A kind is a form that gives a value.
type kind[T any] struct {
	read   func(node) T
	schema func() *schema
}

// to is a form whose value is kept at a place.
func (k kind[T]) to(at *T) form {
	return form{func(n node) { *at = k.read(n) }, k.schema}
}

// do is a form whose value is handed to a function.
func (k kind[T]) do(use func(T)) form {
	return form{func(n node) { use(k.read(n)) }, k.schema}
}

// oneOf is one of a few words.
func oneOf[T ~string](words ...T) kind[T] {
	of := make([]string, len(words))
	for i, word := range words {
		of[i] = string(word)
	}
	return kind[T]{
		func(n node) T { return T(n.one(of...)) },
		func() *schema { return &schema{Enum: of} },
	}
}

const durationPattern = `^(\d+d|\+?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$`

// The kinds that many settings have.
var (
	texts     = kind[string]{node.plain, aText("text")}
	folders   = kind[string]{node.folder, aText("folder")}
	urls      = kind[string]{node.url, aText("URL")}
	addresses = kind[string]{node.address, aText("address")}
	booleans  = kind[bool]{node.boolean, func() *schema { return &schema{Type: []string{"boolean"}} }}
	durations = kind[Duration]{node.duration, like("duration, as in 90s, 10m, 1h30m, 30d", durationPattern)}
	counts    = kind[int]{node.count, func() *schema {
		return &schema{Title: "number", Type: []string{"integer", "string"}, Minimum: 1, Pattern: `^\+?[0-9]+$`}
	}}
	sizes = kind[int64]{node.size, func() *schema {
		return &schema{Title: "size, as in 512KiB, 25MiB, 2GiB", Type: []string{"integer", "string"}, Minimum: 1, Pattern: sizePattern()}
	}}
	values     = kind[value]{node.value, aText("text with {{ values }}")}
	keys       = kind[value]{node.key, aText("text with {{ values }}")}
	conditions = kind[*expression]{node.condition, func() *schema {
		s := aText("condition")()
		s.Not = &schema{Type: []string{"string"}, Pattern: `\{\{`}
		return s
	}}
	places  = kind[verify.Sources]{node.sources, either("place, as in header:X-Signature, or list of them", aText("")(), listOf(aText("")()))}
	windows = kind[verify.Window]{node.window, either("duration, or none", like("", durationPattern)(), &schema{Enum: []string{"none"}})}
)

func sizePattern() string {
	var units []string
	for _, unit := range sizeUnits {
		units = append(units, unit.suffix)
	}
	return `^\+?[0-9]+\s*(` + strings.Join(units, "|") + `)$`
}
