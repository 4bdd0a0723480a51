package rules

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// readForm makes an object of a form: a text for a field sent once, a list of
// texts for one sent more often. Names with brackets, as data[email] and
// items[], are read as the objects and lists that they spell. One field may hold the
// whole payload as JSON where it is there: Slack sends a command as a form, and a
// click as a form with that field.
func readForm(body []byte, which formFields, need *fields) (any, error) {
	if start := bytes.TrimSpace(trimMark(body)); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return nil, &MalformedError{"the body is JSON, but Content-Type says form; send Content-Type: application/json"}
	}
	if !utf8.Valid(body) {
		return nil, &MalformedError{"the form is not valid UTF-8"}
	}
	if bytes.Count(body, []byte("&")) >= maxValues {
		return nil, tooManyValues()
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &MalformedError{"the form cannot be read: " + err.Error()}
	}
	if values := form[which.json]; which.json != "" && (which.must || len(values) > 0) {
		if len(values) != 1 {
			return nil, &MalformedError{fmt.Sprintf("the form has %d fields %q; there must be one, holding JSON", len(values), which.json)}
		}
		return readJSON([]byte(values[0]), need)
	}
	which.keep(form)
	var fields formObject
	for _, name := range slices.Sorted(maps.Keys(form)) {
		list := make([]any, len(form[name]))
		for i, value := range form[name] {
			if !utf8.ValidString(name) || !utf8.ValidString(value) {
				return nil, &MalformedError{"the form is not valid UTF-8"}
			}
			list[i] = value
		}
		if err := fields.set(name, list); err != nil {
			return nil, err
		}
	}
	return fields.object(), nil
}

// A formObject is the object that the fields of a form spell.
type formObject struct {
	root map[string]any
	held int // values, as maxValues counts them
}

func (f *formObject) object() map[string]any {
	if f.root == nil {
		f.root = map[string]any{}
	}
	return f.root
}

// set puts the values of a form field where its name says.
func (f *formObject) set(name string, values []any) error {
	path, isList := fieldPath(name)
	object := f.object()
	f.held += len(values)
	for i, step := range path[:len(path)-1] {
		next, there := object[step]
		if !there {
			if f.held += 1 + objectValues; f.held > maxValues {
				return tooManyValues()
			}
			next = map[string]any{}
			object[step] = next
		}
		below, ok := next.(map[string]any)
		if !ok {
			return contradictoryField(name, path[:i+1])
		}
		object = below
	}
	last := path[len(path)-1]
	if _, there := object[last]; there {
		return contradictoryField(name, path)
	}
	if len(values) == 1 && !isList {
		object[last] = values[0]
	} else {
		object[last] = values
	}
	return nil
}

func contradictoryField(name string, path []string) error {
	return &MalformedError{fmt.Sprintf("the form's field %q contradicts another that says what %q is", name, strings.Join(path, "."))}
}

// fieldPath reads the name of a form field: data[merges][FNAME] is a path, and []
// at the end makes a list. A name that is not spelt like that is itself.
func fieldPath(name string) (path []string, isList bool) {
	open := strings.IndexByte(name, '[')
	if open <= 0 || !strings.HasSuffix(name, "]") {
		return []string{name}, false
	}
	steps := strings.Split(name[open+1:len(name)-1], "][")
	if steps[len(steps)-1] == "" {
		isList, steps = true, steps[:len(steps)-1]
	}
	if len(steps) > maxDepth || slices.ContainsFunc(steps, func(step string) bool { return step == "" || strings.ContainsAny(step, "[]") }) {
		return []string{name}, false
	}
	return append([]string{name[:open]}, steps...), isList
}
