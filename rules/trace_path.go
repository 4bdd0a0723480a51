package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// path traces a field with a constant path, such as head_commit.author.name: its
// value, or where on the way something is missing.
func (t *tracer) path(node ast.Node) (*Trace, bool) {
	keys, ok := t.keys(node)
	if !ok {
		return nil, false
	}
	p := t.evaluated(node, nil, false)
	if p.Result == Valued && p.Value == "null" {
		t.explainNil(p, keys)
	}
	return p, true
}

// keys spells a path from the payload or the request on. A name that let
// introduced begins none.
func (t *tracer) keys(node ast.Node) ([]any, bool) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return []any{n.Value}, !slices.Contains(t.locals, n.Value)
	case *ast.ChainNode:
		return t.keys(n.Node)
	case *ast.MemberNode:
		keys, ok := t.keys(n.Node)
		switch key := n.Property.(type) {
		case *ast.StringNode:
			return append(keys, key.Value), ok
		case *ast.IntegerNode:
			return append(keys, key.Value), ok
		case *ast.UnaryNode: // [-1]
			if i, isInteger := key.Node.(*ast.IntegerNode); isInteger && key.Operator == "-" {
				return append(keys, -i.Value), ok
			}
		}
	}
	return nil, false
}

// isLocal tells what is a field of a name that let introduced. The name has been
// said already.
func (t *tracer) isLocal(node ast.Node) bool {
	keys, ok := t.keys(node)
	if ok || len(keys) == 0 {
		return false
	}
	name, _ := keys[0].(string)
	return slices.Contains(t.locals, name)
}

// explainNil tells null from what is missing, and says what is missing on the way.
func (t *tracer) explainNil(p *Trace, keys []any) {
	value, way := t.root(&keys)
	for i, key := range keys {
		below, err := step(value, key)
		if err != nil {
			return
		}
		if below != nil {
			value, way = below, wayTo(way, key)
			continue
		}
		if _, there := entry(value, key); there && i == len(keys)-1 {
			return // it is there, and null
		} else if there {
			p.Result, p.Value, p.Note = Missing, "", wayTo(way, key)+" is null"
			return
		}
		p.Result, p.Value = Missing, ""
		p.Note = lack(value, way, key, i == len(keys)-1)
		return
	}
	if value == nil && len(keys) == 0 {
		p.Result, p.Value, p.Note = Missing, "", emptyBody
	}
}

const emptyBody = "the body is empty"

// root is where a path begins; its keys are then those from there on.
func (t *tracer) root(keys *[]any) (value any, way string) {
	switch (*keys)[0] {
	case "payload":
		*keys = (*keys)[1:]
		return t.env.Payload, ""
	case "request":
		*keys = (*keys)[1:]
		return t.env.Request, "request"
	}
	return t.env.Payload, ""
}

func wayTo(way string, key any) string {
	name, ok := key.(string)
	switch {
	case !ok:
		return fmt.Sprintf("%s[%v]", way, key)
	case way == "":
		return name
	}
	return way + "." + name
}

func entry(value, key any) (any, bool) {
	object, _ := value.(map[string]any)
	name, _ := key.(string)
	v, ok := object[name]
	return v, ok
}

// lack says what is not there, and what is there of nearly the same name. Of a
// field that just is not there nothing more is to be said.
func lack(value any, way string, key any, last bool) string {
	switch v := value.(type) {
	case nil:
		return emptyBody
	case []any:
		return fmt.Sprintf("%s has %d elements", wayOrPayload(way), len(v))
	}
	name, _ := key.(string)
	near := nearest(name, namesOf(value), max(1, len(name)/4))
	switch {
	case near != "":
		return fmt.Sprintf("%s has no %s; did you mean %s?", wayOrPayload(way), name, near)
	case last:
		return ""
	}
	return "there is no " + wayTo(way, key)
}

func wayOrPayload(way string) string {
	if way == "" {
		return "the payload"
	}
	return way
}

func namesOf(value any) []string {
	switch v := value.(type) {
	case map[string]any:
		return slices.Collect(maps.Keys(v))
	case header:
		return slices.Collect(maps.Keys(v))
	}
	return nil
}
