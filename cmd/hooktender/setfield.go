package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// setFields changes fields of a body as --set says.
func setFields(body []byte, isForm bool, set []string) ([]byte, error) {
	var fields []rules.Field
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || slices.Contains(stepsOf(name), "") {
			return nil, fmt.Errorf("--set %s: write FIELD=VALUE, as in head_commit.message=hello", s)
		}
		fields = append(fields, rules.Field{Path: name, Value: fieldValue(value)})
	}
	body, err := changeFields(body, isForm, fields)
	if err != nil {
		return nil, fmt.Errorf("--set %w", err)
	}
	return body, nil
}

// changeFields changes fields of a body: of JSON, of a form, or of the JSON that
// is the only field of a form.
func changeFields(body []byte, isForm bool, fields []rules.Field) ([]byte, error) {
	if len(fields) == 0 {
		return body, nil
	}
	if !isForm {
		return changeJSON(body, fields)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("needs a body that is JSON or a form: %w", err)
	}
	if len(form) == 1 {
		for name, values := range form {
			if strings.HasPrefix(values[0], "{") {
				inner, err := changeJSON([]byte(values[0]), fields)
				return []byte(url.Values{name: {string(inner)}}.Encode()), err
			}
		}
	}
	for _, f := range fields {
		var text string
		if json.Unmarshal(f.Value, &text) != nil {
			text = string(f.Value) // a number, or true
		}
		form.Set(formName(stepsOf(f.Path)), text)
	}
	return []byte(form.Encode()), nil
}

// stepsOf takes a field's path apart: alerts[0].status and alerts.0.status are the
// same.
func stepsOf(path string) []string {
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
}

// formName spells a path as forms do: data[merges][FNAME].
func formName(path []string) string {
	name := path[0]
	for _, step := range path[1:] {
		name += "[" + step + "]"
	}
	return name
}

// changeJSON changes fields of JSON. Numbers that are not touched keep their
// digits.
func changeJSON(body []byte, fields []rules.Field) ([]byte, error) {
	var root any
	if err := decodeNumbers(body, &root); err != nil {
		return nil, fmt.Errorf("needs a body that is JSON or a form: %w", err)
	}
	for _, f := range fields {
		var value any
		err := decodeNumbers(f.Value, &value)
		if err == nil {
			root, err = setField(root, stepsOf(f.Path), 0, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(root)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// decodeNumbers reads JSON and leaves numbers as they are written.
func decodeNumbers(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(v)
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
func fieldValue(s string) json.RawMessage {
	if text := []byte(s); json.Valid(text) {
		return text
	}
	text, _ := json.Marshal(s) // a text can always be written
	return text
}
