package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (r *reader) unary(n *ast.UnaryNode) *shape {
	below := r.read(n.Node)
	if n.Operator == "!" || n.Operator == "not" {
		r.needBool(n.Node, below, n.Operator)
		return is(boolKind)
	}
	return is(numberKind)
}

var (
	equalities = []string{"==", "!="}
	orders     = []string{"<", "<=", ">", ">="}
)

func (r *reader) binary(n *ast.BinaryNode) *shape {
	switch op := n.Operator; {
	case slices.Contains(logicOperators, op):
		return r.logic(n)
	case op == "??":
		r.optional++
		left := r.read(n.Left)
		r.optional--
		right := r.read(n.Right)
		if left.unknown() || right.unknown() {
			return nil
		}
		both := &shape{computed: left.computed && right.computed}
		both.merge(left)
		both.merge(right)
		return both
	case slices.Contains(equalities, op) || slices.Contains(orders, op):
		r.comparison(n)
		return is(boolKind)
	case op == "in":
		r.membership(n)
		return is(boolKind)
	case slices.Contains(textOperators, op):
		r.needText(n.Left, r.read(n.Left), n)
		r.needText(n.Right, r.read(n.Right), n)
		return is(boolKind)
	default:
		r.all(n.Left, n.Right)
	}
	return nil
}

// logic reads the sides of && with the payload of the events that either names.
func (r *reader) logic(n *ast.BinaryNode) *shape {
	events := r.events
	if n.Operator == "&&" || n.Operator == "and" {
		if named := eventsOf(n); named != nil {
			r.narrow(named)
		}
	}
	for _, side := range []ast.Node{n.Left, n.Right} {
		r.needBool(side, r.read(side), n.Operator)
	}
	r.narrow(events)
	return is(boolKind)
}

func (r *reader) needBool(n ast.Node, s *shape, operator string) {
	if !s.may(boolKind) {
		r.notBool(n, s, operator)
	}
}

func (r *reader) notBool(n ast.Node, s *shape, who string) {
	instead := n.String() + " != nil"
	switch {
	case s.only(textKind):
		instead = n.String() + ` != ""`
	case s.only(numberKind):
		instead = n.String() + " > 0"
	case s.only(listKind):
		instead = "len(" + n.String() + ") > 0"
	}
	r.warn(n, "%s %s, and %s needs true or false, so this always fails; write %s", n, s, who, instead)
}

// needText looks at a side of contains and its like.
func (r *reader) needText(n ast.Node, s *shape, whole *ast.BinaryNode) {
	switch {
	case s.may(textKind):
	case s.only(listKind) && whole.Operator == "contains":
		instead := whole.Right.String() + " in " + n.String()
		if s.element.only(objectKind) {
			instead = "any(" + n.String() + ", .name == " + whole.Right.String() + ")"
		}
		r.warn(n, "%s %s, and contains looks into texts, so this always fails; write %s", n, s, instead)
	default:
		r.warn(n, "%s %s, and %s needs a text, so this always fails; write string(%s) for its text", n, s, whole.Operator, n)
	}
}

func (r *reader) comparison(n *ast.BinaryNode) {
	if slices.Contains(equalities, n.Operator) && (r.unquoted(n.Left, n.Right) || r.unquoted(n.Right, n.Left)) {
		return
	}
	left, right := r.read(n.Left), r.read(n.Right)
	if !left.comparable(right) {
		r.mismatch(n.Left, left, n.Right, right, n.Operator)
		return
	}
	r.eventName(n.Left, n.Right)
	r.eventName(n.Right, n.Left)
}

func isNil(n ast.Node) bool {
	_, ok := n.(*ast.NilNode)
	return ok
}

// unquoted tells of a path like refs/heads/main of which YAML has taken the
// quotes, or that never had any: a division of fields, beside a text or with
// more of them than anybody divides.
func (r *reader) unquoted(path, other ast.Node) bool {
	names := dividends(path)
	if len(names) < 2 || len(names) == 2 && names[0] != "refs" && !guards(other) {
		return false
	}
	r.read(other)
	text := strings.Join(names, "/")
	r.warn(path, "%s is read as a division of fields; put quotes around it: %q", text, text)
	return true
}

// dividends lists the fields of a/b/c.
func dividends(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.BinaryNode:
		last, ok := n.Right.(*ast.IdentifierNode)
		if before := dividends(n.Left); ok && n.Operator == "/" && before != nil {
			return append(before, last.Value)
		}
	}
	return nil
}

func (r *reader) mismatch(a ast.Node, as *shape, b ast.Node, bs *shape, operator string) {
	if isWrittenOut(a) && !isWrittenOut(b) { // the field comes first
		a, as, b, bs = b, bs, a, as
	}
	result := "is never true"
	switch {
	case operator == "!=":
		result = "is always true"
	case slices.Contains(orders, operator):
		result = "always fails"
	}
	r.warn(a, "%s %s, and %s %s, so this %s; %s", a, as, b, is(bs.kinds[0]), result, instead(a, as, b))
}

func isWrittenOut(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	}
	return false
}

// instead says how to write a literal so that it can be compared with a value of
// this shape.
func instead(field ast.Node, s *shape, literal ast.Node) string {
	switch text, isText := literal.(*ast.StringNode); {
	case s.only(textKind) && isWrittenOut(literal):
		return "write " + strconv.Quote(literal.String())
	case s.only(numberKind) && isText:
		if _, err := strconv.ParseFloat(text.Value, 64); err == nil {
			return "write " + text.Value + " without quotes"
		}
	case s.only(boolKind) && isText && (text.Value == "true" || text.Value == "false"):
		return "write " + text.Value + " without quotes"
	case s.only(listKind) && isWrittenOut(literal):
		return "write " + literal.String() + " in " + field.String()
	}
	kinds := make([]string, len(s.kinds))
	for i, k := range s.kinds {
		kinds[i] = string(k)
	}
	return "compare it with " + strings.Join(kinds, " or ")
}

// membership looks at in, each of whose elements is compared.
func (r *reader) membership(n *ast.BinaryNode) {
	left, right := r.read(n.Left), r.read(n.Right)
	if list, ok := n.Right.(*ast.ArrayNode); ok {
		for _, e := range list.Nodes {
			if isWrittenOut(e) {
				if of := r.read(e); !left.comparable(of) {
					r.mismatch(n.Left, left, e, of, "==")
				}
				r.eventName(n.Left, e)
			}
		}
		return
	}
	switch {
	case right.only(textKind):
		r.warn(n.Right, "%s %s, and in needs a list or an object, so this always fails; write %s contains %s", n.Right, right, n.Right, n.Left)
	case right.only(listKind) && right.element != nil && !left.comparable(right.element):
		r.warn(n.Left, "%s %s, and an element of %s %s, so this is never true; compare with what the elements hold, as in any(%s, .name == %s)",
			n.Left, left, n.Right, right.element, n.Right, n.Left)
	}
}

// eventName looks at the name of an event that is nearly, but not quite, one that
// the provider has.
func (r *reader) eventName(of, name ast.Node) {
	text, ok := name.(*ast.StringNode)
	if !ok || of.String() != "request.event" || r.scope.provider == nil {
		return
	}
	known := r.scope.provider.names()
	if near := nearest(text.Value, known, 2); near != "" && near != text.Value && len(text.Value) > 2 {
		r.warn(name, "%s sends no event %q that is known here; did you mean %q?", r.scope.provider.name, text.Value, near)
	}
}
