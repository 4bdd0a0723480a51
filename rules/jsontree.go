package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A jsonTree is a JSON value as the file has it, whose strings may hold values.
type jsonTree struct {
	fixed  string // the JSON of a number, true, false or null
	text   value  // a string
	names  []string
	below  []*jsonTree // of names, or of a list
	opened byte        // { or [; 0 for neither
}

// jsonTree reads any tree.
func (n node) jsonTree() *jsonTree {
	switch {
	case isUnquotedValue(n.Node):
		n.scalar() // tells that it needs quotes
	case n.Kind == yaml.MappingNode:
		t := &jsonTree{opened: '{'}
		for key, value := range n.entries() {
			if strings.Contains(key.Value, "{{") {
				key.problem("a name is written out; only what it is given can be a {{ value }}")
			}
			t.names = append(t.names, key.Value)
			t.below = append(t.below, value.jsonTree())
		}
		return t
	case n.Kind == yaml.SequenceNode:
		t := &jsonTree{opened: '['}
		for _, e := range n.list() {
			t.below = append(t.below, e.jsonTree())
		}
		return t
	case n.Kind == yaml.ScalarNode:
		return n.jsonScalar()
	}
	return nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// jsonScalar keeps a number as it is written, if JSON knows that spelling.
func (n node) jsonScalar() *jsonTree {
	switch n.ShortTag() {
	case "!!null":
		return &jsonTree{fixed: "null"}
	case "!!bool":
		var b bool
		_ = n.Decode(&b) // its tag says that it is one
		return &jsonTree{fixed: fmt.Sprint(b)}
	case "!!int", "!!float":
		return &jsonTree{fixed: n.jsonNumber()}
	}
	return &jsonTree{text: n.value()}
}

func (n node) jsonNumber() string {
	if jsonNumber.MatchString(n.Value) {
		return n.Value
	}
	var i int64
	if n.Decode(&i) == nil && n.ShortTag() == "!!int" {
		return fmt.Sprint(i)
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		n.problem("%s is no number of JSON; put quotes around it for a text", n.Value)
		return ""
	}
	s, err := spellJSON(f)
	if err != nil {
		n.problem("%v", err)
	}
	return s
}

// merge adds what the tree reads of the payload.
func (t *jsonTree) merge(all *fields) {
	if t == nil {
		return
	}
	all.merge(t.text.fields())
	for _, below := range t.below {
		below.merge(all)
	}
}

// write fills in the values.
func (t *jsonTree) write(w *textWriter, env environment) error {
	switch {
	case t.opened != 0:
		return t.writeBelow(w, env)
	case t.fixed != "":
		w.WriteString(t.fixed)
		return nil
	case len(t.text) == 1 && t.text[0].expression != nil:
		return writeTyped(w, t.text[0].expression, env)
	}
	text, err := t.text.text(env)
	if err != nil {
		return err
	}
	w.WriteByte('"')
	for _, p := range text {
		if p.Ref != "" {
			w.reference(p.Ref)
			continue
		}
		inside, err := insideJSON(p.Literal)
		if err != nil {
			return err
		}
		w.WriteString(inside)
	}
	w.WriteByte('"')
	return nil
}

func (t *jsonTree) writeBelow(w *textWriter, env environment) error {
	w.WriteByte(t.opened)
	for i, below := range t.below {
		if i > 0 {
			w.WriteByte(',')
		}
		where := fmt.Sprint(i)
		if t.opened == '{' {
			where = t.names[i]
			name, err := spellJSON(where)
			if err != nil {
				return err
			}
			w.WriteString(name + ":")
		}
		if err := below.write(w, env); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	w.WriteByte(t.opened + 2) // ] and } are two behind [ and {
	return nil
}

// writeTyped writes what an expression gives as what it is.
func writeTyped(w *textWriter, e *expression, env environment) error {
	result, err := e.eval(env)
	if err != nil {
		return err
	}
	switch v := result.(type) {
	case nil:
		w.WriteString("null")
		return nil
	case time.Time, time.Duration, *requestView:
		if result, err = spell(v); err != nil {
			return fmt.Errorf("%s: %w", e.source, err)
		}
	}
	if size(result, 0) > maxSteps {
		return fmt.Errorf("%s: %w", e.source, errTooMuch)
	}
	s, err := spellJSON(result)
	if err != nil {
		return fmt.Errorf("%s: %w", e.source, err)
	}
	w.WriteString(s)
	return nil
}

// insideJSON is a text as it stands between the quotes of a JSON string.
func insideJSON(s string) (string, error) {
	quoted, err := spellJSON(s)
	if err != nil {
		return "", err
	}
	return quoted[1 : len(quoted)-1], nil
}
