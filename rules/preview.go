package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// previewLength is how many characters of a value are shown.
const previewLength = 120

// preview writes a value as JSON and stops where enough of it is there: a payload
// may be large.
func preview(value any) string {
	w := &previewer{}
	w.write(value)
	s := w.String()
	if utf8.RuneCountInString(s) > previewLength {
		return string([]rune(s)[:previewLength]) + "…"
	}
	return s
}

type previewer struct{ strings.Builder }

func (w *previewer) full() bool { return w.Len() > previewLength*utf8.UTFMax }

func (w *previewer) write(value any) {
	switch v := value.(type) {
	case string:
		w.text(v)
	case map[string]any:
		w.object(v)
	case header:
		object := map[string]any{}
		for name, values := range v {
			object[name] = strings.Join(values, ", ")
		}
		w.object(object)
	case []any:
		w.WriteByte('[')
		for i, element := range v {
			if w.full() {
				return
			}
			w.comma(i)
			w.write(element)
		}
		w.WriteByte(']')
	case *requestView:
		w.WriteString(`"the request"`)
	case nil:
		w.WriteString("null")
	default:
		w.other(v)
	}
}

func (w *previewer) object(object map[string]any) {
	w.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if w.full() {
			return
		}
		w.comma(i)
		w.text(name)
		w.WriteByte(':')
		w.write(object[name])
	}
	w.WriteByte('}')
}

func (w *previewer) comma(i int) {
	if i > 0 {
		w.WriteByte(',')
	}
}

func (w *previewer) text(s string) {
	if most := previewLength * utf8.UTFMax; len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	s, err := spellJSON(s)
	if err != nil {
		return // a text can always be written
	}
	w.WriteString(s)
}

// other is for what expr's own functions make: times, durations, lists of another
// kind.
func (w *previewer) other(value any) {
	s, err := spell(value)
	switch {
	case err != nil:
		w.WriteString(strconv.Quote(describe(value)))
	case json.Valid([]byte(s)):
		w.WriteString(s)
	default:
		w.text(s)
	}
}
