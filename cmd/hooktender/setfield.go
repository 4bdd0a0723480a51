package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// setFields changes fields of a body: of JSON, of a form, or of the JSON
// that is the only field of a form.
func setFields(body []byte, isForm bool, set []string) ([]byte, error) {
	if len(set) == 0 {
		return body, nil
	}
	if !isForm {
		return setJSON(body, set)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("--set: the body is sent as a form, but cannot be read as one: %w", err)
	}
	if len(form) == 1 {
		for name, values := range form {
			if strings.HasPrefix(values[0], "{") {
				inner, err := setJSON([]byte(values[0]), set)
				return []byte(url.Values{name: {string(inner)}}.Encode()), err
			}
		}
	}
	for _, s := range set {
		path, value, err := assignment(s)
		if err != nil {
			return nil, err
		}
		form.Set(formName(path), value)
	}
	return []byte(form.Encode()), nil
}

// assignment takes FIELD=VALUE apart. alerts[0].status and alerts.0.status are
// the same field.
func assignment(s string) (path []string, value string, err error) {
	name, value, ok := strings.Cut(s, "=")
	path = strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(name), ".")
	if !ok || slices.Contains(path, "") {
		return nil, "", fmt.Errorf("--set %s: write FIELD=VALUE, as in head_commit.message=hello", s)
	}
	return path, value, nil
}

// formName spells a path as forms do: data[merges][FNAME].
func formName(path []string) string {
	name := path[0]
	for _, step := range path[1:] {
		name += "[" + step + "]"
	}
	return name
}

// setJSON changes fields of JSON. Numbers that are not touched keep
// their digits.
func setJSON(body []byte, set []string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("--set needs a body that is JSON or a form: %w", err)
	}
	for _, s := range set {
		path, value, err := assignment(s)
		if err != nil {
			return nil, err
		}
		if root, err = setField(root, path, 0, fieldValue(value)); err != nil {
			return nil, fmt.Errorf("--set %s: %w", s, err)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(root)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// setField returns what the value at path[:n] is once the one at path is set.
// Objects that are not there are made; a list grows by one element at most.
func setField(in any, path []string, n int, value any) (any, error) {
	if n == len(path) {
		return value, nil
	}
	step := path[n]
	switch in := in.(type) {
	case nil:
		return setField(map[string]any{}, path, n, value)
	case map[string]any:
		below, err := setField(in[step], path, n+1, value)
		in[step] = below
		return in, err
	case []any:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i > len(in) {
			return nil, fmt.Errorf("%s is a list of %d, of which %q is no element", spellPath(path[:n]), len(in), step)
		}
		if i == len(in) {
			in = append(in, nil)
		}
		in[i], err = setField(in[i], path, n+1, value)
		return in, err
	}
	return nil, fmt.Errorf("%s is no object", spellPath(path[:n]))
}

func spellPath(path []string) string {
	if len(path) == 0 {
		return "the body"
	}
	return strings.Join(path, ".")
}

// fieldValue takes a number, true, false or null as such and all else as text.
func fieldValue(s string) any {
	decoder := json.NewDecoder(strings.NewReader(s))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil || decoder.More() {
		return s
	}
	return v
}
