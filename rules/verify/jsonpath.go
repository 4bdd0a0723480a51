package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// A jsonNode is one value of a small JSON text, as of a token or a key: read one
// level deep, its children are decoded only when a path leads through them. A text
// that is not JSON is a node without anything in it. A body is a [jsonText].
type jsonNode struct {
	object map[string]json.RawMessage
	list   []json.RawMessage
	text   string // of a string, number or boolean; numbers keep their digits
}

// readJSON never fails: json.Unmarshal checks the whole text before it fills
// anything in, so what is broken is simply absent.
func readJSON(raw []byte) jsonNode {
	var n jsonNode
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return n
	}
	switch raw[0] {
	case '{':
		_ = json.Unmarshal(raw, &n.object)
	case '[':
		_ = json.Unmarshal(raw, &n.list)
	case '"':
		_ = json.Unmarshal(raw, &n.text)
	default:
		n.text = literalText(raw)
	}
	return n
}

// literalText returns a number or boolean as it is spelt, and "" for null.
func literalText(raw []byte) string {
	if !json.Valid(raw) || string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// at follows a path of object keys and array indexes and returns the text there.
func (n jsonNode) at(path []string) string {
	for _, name := range path {
		n = readJSON(n.child(name))
	}
	return n.text
}

func (n jsonNode) child(name string) json.RawMessage {
	if i, ok := arrayIndex(name); ok && i < len(n.list) {
		return n.list[i]
	}
	return n.object[name]
}

// arrayIndex reads "0" or "12", and not "+1" or "01": a place has one name.
func arrayIndex(name string) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && strconv.Itoa(i) == name
}

func setJSONValue(r *Request, path []string, value string) error {
	body, err := setJSON(r.Body, path, value)
	if err == nil {
		r.setBody(body)
	}
	return err
}

// setJSON returns body with the text at path set to value. Objects on the way
// are made; an empty body becomes an object.
func setJSON(body []byte, path []string, value string) ([]byte, error) {
	var root any
	if len(bytes.TrimSpace(body)) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber() // an id of 64 bits keeps its last digits
		if err := d.Decode(&root); err != nil {
			return nil, errors.New("the body is not JSON, and the scheme needs a value in it")
		}
	}
	root, err := setAt(root, path, value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err = e.Encode(root)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func setAt(node any, path []string, value string) (_ any, err error) {
	if len(path) == 0 {
		return value, nil
	}
	switch node := node.(type) {
	case nil:
		return setAt(map[string]any{}, path, value)
	case map[string]any:
		node[path[0]], err = setAt(node[path[0]], path[1:], value)
		return node, err
	case []any:
		i, ok := arrayIndex(path[0])
		if !ok || i >= len(node) {
			return nil, errors.New("the body has no array element " + strconv.Quote(path[0]))
		}
		node[i], err = setAt(node[i], path[1:], value)
		return node, err
	}
	return nil, errors.New("the body has a plain value where the scheme needs an object with " + strconv.Quote(path[0]))
}
