package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// A claim is what one part of a condition says about one field, or about
// whatever else it looks at: that it is one of these values, begins with one,
// is less than one. not turns that round.
type claim struct {
	term   string // the field, as it is written
	op     string
	values []any
	not    bool
}

// contradiction is the term about which the parts cannot all hold, "" if there
// is none. With and false it asks that of the parts turned round.
func contradiction(parts []ast.Node, and bool) string {
	claims := map[string][]claim{}
	var terms []string
	for _, part := range parts {
		c := claimOf(part)
		if !and {
			c.not = !c.not
		}
		terms = append(terms, c.term)
		claims[c.term] = append(claims[c.term], c)
	}
	for _, term := range terms {
		if impossible(claims[term]) {
			return term
		}
	}
	return ""
}

var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// claimOf reads a part that no && or || joins. What it does not understand is a
// claim that the whole part is true.
func claimOf(n ast.Node) claim {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			c := claimOf(n.Node)
			c.not = !c.not
			return c
		}
	case *ast.BinaryNode:
		if c, ok := comparisonClaim(n); ok {
			return c
		}
	}
	return claim{term: n.String(), op: "==", values: []any{true}}
}

func comparisonClaim(n *ast.BinaryNode) (claim, bool) {
	of, op := n.Left, n.Operator
	value, ok := constant(n.Right)
	if !ok && mirrored[op] != "" {
		of, op = n.Right, mirrored[op]
		value, ok = constant(n.Left)
	}
	if !ok {
		return claim{}, false
	}
	c := claim{term: of.String(), op: op, values: []any{value}}
	switch op {
	case "!=":
		c.op, c.not = "==", true
	case "in":
		c.op = "=="
		if c.values, ok = value.([]any); !ok {
			return claim{}, false
		}
	case "==", "<", "<=", ">", ">=", "startsWith", "endsWith", "contains":
	default:
		return claim{}, false
	}
	return c, true
}

// impossible tells that claims about one term cannot all hold.
func impossible(claims []claim) bool {
	for i, a := range claims {
		others := slices.Concat(claims[:i], claims[i+1:])
		if a.op == "==" && !a.not {
			if len(others) > 0 && !slices.ContainsFunc(a.values, func(v any) bool { return possible(v, others) }) {
				return true
			}
			continue
		}
		for _, b := range others {
			if a.excludes(b) {
				return true
			}
		}
	}
	return false
}

// possible tells that a value can fulfil all claims.
func possible(value any, claims []claim) bool {
	for _, c := range claims {
		if holds, known := c.about(value); known && holds == c.not {
			return false
		}
	}
	return true
}

// about says whether a claim, not turned round, holds for a value.
func (c claim) about(value any) (holds, known bool) {
	for _, v := range c.values {
		one, ok := relate(value, c.op, v)
		if !ok {
			return false, false
		}
		holds = holds || one
	}
	return holds, true
}

// relate compares as expr does, where that cannot fail.
func relate(a any, op string, b any) (holds, known bool) {
	if op == "==" {
		x, xok := asNumber(a)
		y, yok := asNumber(b)
		if xok && yok {
			return x == y, true
		}
		switch a.(type) {
		case string, bool, nil, int, float64:
			switch b.(type) {
			case string, bool, nil, int, float64:
				return a == b, true
			}
		}
		return false, false
	}
	s, sok := a.(string)
	t, tok := b.(string)
	switch op {
	case "startsWith":
		return strings.HasPrefix(s, t), sok && tok
	case "endsWith":
		return strings.HasSuffix(s, t), sok && tok
	case "contains":
		return strings.Contains(s, t), sok && tok
	}
	order, known := compareValues(a, b)
	switch op {
	case "<":
		return order < 0, known
	case "<=":
		return order <= 0, known
	case ">":
		return order > 0, known
	}
	return order >= 0, known
}

func compareValues(a, b any) (order int, known bool) {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	s, sok := a.(string)
	t, tok := b.(string)
	switch {
	case xok && yok:
		return cmp.Compare(x, y), true
	case sok && tok:
		return cmp.Compare(s, t), true
	}
	return 0, false
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
