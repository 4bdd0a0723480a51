package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
)

// A jsonNode is one value of a JSON text. Its children are looked up in the text as
// it stands and never held all at once: there may be millions, of a sender who has
// not proven anything yet.
type jsonNode struct {
	raw  json.RawMessage // of an object or a list, without space around it; else nil
	text string          // of a string, number or boolean; numbers keep their digits
}

// readJSON never fails: what is broken is simply absent.
func readJSON(raw []byte) jsonNode {
	if raw = bytes.TrimSpace(raw); !json.Valid(raw) {
		return jsonNode{}
	}
	return nodeOf(raw)
}

// nodeOf is the node of a text that is known to be valid.
func nodeOf(raw json.RawMessage) (n jsonNode) {
	if len(raw) == 0 {
		return n
	}
	switch raw[0] {
	case '{', '[':
		n.raw = raw
	case '"':
		_ = json.Unmarshal(raw, &n.text) // it is valid
	case 'n':
	default:
		n.text = string(raw)
	}
	return n
}

// at follows a path of object keys and array indexes and returns the text there.
func (n jsonNode) at(path []string) string {
	for _, name := range path {
		n = nodeOf(n.child(name))
	}
	return n.text
}

// child returns nil if there is none. Of several with the same name the last one
// counts, as everywhere in package encoding/json.
func (n jsonNode) child(name string) (found json.RawMessage) {
	index, isIndex := arrayIndex(name)
	i := 0
	for key, value := range n.members() {
		switch {
		case key == nil && isIndex && i == index:
			return value
		case key != nil && isNamed(key, name):
			found = value
		}
		i++
	}
	return found
}

// items ranges over the elements of a list, with their indexes.
func (n jsonNode) items() iter.Seq2[int, jsonNode] {
	return func(yield func(int, jsonNode) bool) {
		i := 0
		for key, value := range n.members() {
			if key != nil || !yield(i, nodeOf(value)) {
				return
			}
			i++
		}
	}
}

// isObject tells whether it is one.
func (n jsonNode) isObject() bool { return len(n.raw) > 0 && n.raw[0] == '{' }

// hasOneMember tells whether it is an object with nothing but one field.
func (n jsonNode) hasOneMember() bool {
	count := 0
	for range n.members() {
		count++
	}
	return n.isObject() && count == 1
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
