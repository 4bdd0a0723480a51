package rules

import (
	"bytes"
	"encoding/json"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// maxWritten bounds a payload that is written out in a file with cases, in bytes:
// aliases let a few lines spell a great many.
const maxWritten = 1 << 20

func (c *Case) readPayload(n node) {
	if n.Kind == yaml.ScalarNode {
		c.File = n.beside()
		return
	}
	c.Body = n.json()
}

func (c *Case) readSet(n node) {
	for key, value := range n.entries() {
		c.Set = append(c.Set, Field{key.Value, value.json()})
	}
	if n.Kind == yaml.MappingNode && len(c.Set) == 0 {
		n.problem("is empty; write what is changed, as in {ref: refs/heads/main}")
	}
}

func anything() *schema { return &schema{Title: "anything"} }

func payloadSchema() *schema {
	return either("file, or the payload itself", &schema{Type: []string{"string"}, MinLength: 1}, &schema{Type: []string{"object", "array"}})()
}

// beside reads a path that begins beside the file. References in it stay as they
// are: what they stand for would be shown where something differs.
func (n node) beside() string {
	s, ok := n.scalar()
	if !ok || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(n.file.folder(), s)
}

// json writes a value of a file as JSON. Integers keep all their digits; what
// JSON knows no kind for, such as a date, is a text.
func (n node) json() []byte {
	w := jsonWriter{before: len(n.d.problems)}
	w.value(n, 0)
	if w.tooMuch {
		n.problem("is too large, or holds itself")
		return nil
	}
	return w.Bytes()
}

type jsonWriter struct {
	bytes.Buffer
	before  int // problems that there were
	tooMuch bool
}

// enough problems are told: an alias brings the same one again and again.
const enough = 20

func (w *jsonWriter) value(n node, depth int) {
	if w.tooMuch = w.tooMuch || depth > maxDepth || w.Len() > maxWritten; w.tooMuch || len(n.d.problems)-w.before > enough {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		w.object(n, depth)
	case yaml.SequenceNode:
		w.WriteByte('[')
		for i, e := range n.list() {
			if i > 0 {
				w.WriteByte(',')
			}
			w.value(e, depth+1)
		}
		w.WriteByte(']')
	default:
		w.scalar(n)
	}
}

func (w *jsonWriter) object(n node, depth int) {
	w.WriteByte('{')
	first := true
	for key, value := range n.entries() {
		if !first {
			w.WriteByte(',')
		}
		first = false
		w.text(key.Value)
		w.WriteByte(':')
		w.value(value, depth+1)
	}
	w.WriteByte('}')
}

func (w *jsonWriter) scalar(n node) {
	switch n.Tag {
	case "!!null":
		w.WriteString("null")
	case "!!int", "!!float", "!!bool":
		if json.Valid([]byte(n.Value)) {
			w.WriteString(n.Value)
			return
		}
		var v any // 0x1f, 1_000, True
		err := n.Decode(&v)
		text, wrong := json.Marshal(v)
		if err != nil || wrong != nil {
			n.problem("%q is no value that JSON has", n.Value)
		}
		w.Write(text)
	default:
		if isTag(n.Tag) {
			n.problem("YAML takes %s for a tag; put quotes around the whole value", n.Tag)
		}
		w.text(n.Value)
	}
}

func (w *jsonWriter) text(s string) {
	text, err := spellJSON(s)
	if err != nil {
		panic(err) // a text can always be written
	}
	w.WriteString(text)
}
