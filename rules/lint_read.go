package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// reader goes through an expression as it would be evaluated, with shapes in the
// place of values, and tells what cannot be.
type reader struct {
	l       *linter
	scope   *scope
	text    *lintedText
	events  []string // that the part is for
	payload *shape
	request *shape
	locals  map[string]*shape
	elems   []*shape // what # stands for, the innermost last

	optional int // how many ?? it stands in front of
}

func (r *reader) begin(events []string) {
	r.request = requestShape(r.scope.params)
	r.locals = map[string]*shape{}
	r.narrow(events)
}

// narrow reads the payload as that of these events.
func (r *reader) narrow(events []string) {
	r.events, r.payload = events, r.scope.provider.payload(events)
}

func (r *reader) warn(part ast.Node, format string, args ...any) {
	r.l.warnAt(r.text, part, format, args...)
}

// read is the shape of a part, nil if nothing is known of it.
func (r *reader) read(n ast.Node) *shape {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return is(numberKind)
	case *ast.StringNode:
		return is(textKind)
	case *ast.BoolNode:
		return is(boolKind)
	case *ast.IdentifierNode:
		return r.identifier(n)
	case *ast.PointerNode:
		if n.Name == "" && len(r.elems) > 0 {
			return r.elems[len(r.elems)-1]
		}
	case *ast.MemberNode:
		return r.member(n)
	case *ast.ChainNode:
		return r.read(n.Node)
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.BuiltinNode:
		return r.builtin(n)
	case *ast.VariableDeclaratorNode:
		r.locals[n.Name] = r.read(n.Value)
		return r.read(n.Expr)
	case *ast.ArrayNode:
		element := &shape{computed: true}
		known := true
		for _, e := range n.Nodes {
			one := r.read(e)
			if known = known && !one.unknown(); known {
				element.merge(one)
			}
		}
		if !known {
			element = nil
		}
		return listShape(element)
	default:
		r.parts(n)
	}
	return nil
}

// parts reads what stands in a part of which nothing else is known.
func (r *reader) parts(n ast.Node) {
	switch n := n.(type) {
	case *ast.ConditionalNode:
		r.all(n.Cond, n.Exp1, n.Exp2)
	case *ast.CallNode:
		r.all(n.Arguments...)
	case *ast.SliceNode:
		r.all(n.Node, n.From, n.To)
	case *ast.SequenceNode:
		r.all(n.Nodes...)
	case *ast.MapNode:
		r.all(n.Pairs...)
	case *ast.PairNode:
		r.all(n.Value)
	case *ast.PredicateNode:
		r.all(n.Node)
	}
}

func (r *reader) all(nodes ...ast.Node) {
	for _, n := range nodes {
		if n != nil {
			r.read(n)
		}
	}
}

func (r *reader) identifier(n *ast.IdentifierNode) *shape {
	switch local, ok := r.locals[n.Value]; {
	case ok:
		return local
	case n.Value == "payload":
		return r.payload
	case n.Value == "request":
		return r.request
	}
	return r.field(r.payload, n, n.Value, n)
}

func (r *reader) member(n *ast.MemberNode) *shape {
	base := r.read(n.Node)
	key, constant := n.Property.(*ast.StringNode)
	if constant {
		return r.field(base, n, key.Value, n.Property)
	}
	r.read(n.Property)
	if _, index := n.Property.(*ast.IntegerNode); index && base != nil {
		return base.element
	}
	return nil
}

// field is the shape of a field. One that nobody has ever sent is told at its
// name.
func (r *reader) field(of *shape, whole ast.Node, name string, at ast.Node) *shape {
	switch {
	case of.unknown():
		return nil
	case of.only(listKind):
		r.warn(at, "%s %s and has no field %s; write any(%s, .%s == …), or [0] for the first", baseOf(whole), of, name, baseOf(whole), name)
		return nil
	case !of.may(objectKind):
		r.warn(at, "%s %s and has no field %s, so this always fails", baseOf(whole), of, name)
		return nil
	}
	if below, ok := of.fields[name]; ok {
		return below
	}
	if !of.open && of == r.request.fields["params"] {
		r.noParameter(name, at)
	} else if !of.open && !of.computed {
		r.missing(of, whole, name, at)
	}
	return of.rest
}

// missing tells of a field that no payload has. Who wrote what stands for it
// when it is missing knows that, unless it looks misspelt.
func (r *reader) missing(of *shape, whole ast.Node, name string, at ast.Node) {
	if advice := r.advice(of, whole, name); r.optional == 0 || strings.HasPrefix(advice, "; did you mean") {
		r.warn(at, "%s%s", r.noSample(whole, name), advice)
	}
}

func (r *reader) noParameter(name string, at ast.Node) {
	if len(r.scope.params) == 0 {
		r.warn(at, "the hook's path has no parameters, so this is always empty; write one as in /deploy/:%s", name)
		return
	}
	r.warn(at, "the hook's path has no parameter %s, so this is always empty%s", name, didYouMean(name, r.scope.params))
}

// noSample says that no recorded payload has a field.
func (r *reader) noSample(whole ast.Node, name string) string {
	of := r.scope.provider.name
	if len(r.events) == 1 {
		of += " " + r.events[0]
	}
	if m, ok := whole.(*ast.MemberNode); ok {
		return fmt.Sprintf("%s has no %s in any recorded payload of %s", baseOf(m), name, of)
	}
	return fmt.Sprintf("%s is in no recorded payload of %s", name, of)
}

// advice says what to write in place of a field that is not there: a sibling, or
// quotes around what was meant as a text.
func (r *reader) advice(of *shape, whole ast.Node, name string) string {
	_, top := whole.(*ast.IdentifierNode)
	near := nearest(name, slices.Collect(maps.Keys(of.fields)), (len(name)+2)/3)
	others := r.scope.provider.with(name)
	switch {
	case near != "":
		return "; did you mean " + near + "?"
	case top && len(others) > 0:
		return fmt.Sprintf("; events that have it: %s", strings.Join(others[:min(len(others), 3)], ", "))
	case top && r.compared(whole):
		return "; if it is meant as a text, put quotes around it: " + strconv.Quote(name)
	}
	return "; if it may be there all the same, say what stands for it where it is not: (" + whole.String() + " ?? \"\")"
}

// compared tells that a part is one side of a comparison, where a text may have
// been meant.
func (r *reader) compared(part ast.Node) bool {
	found := false
	ast.Find(r.text.tree, func(n ast.Node) bool {
		b, ok := n.(*ast.BinaryNode)
		if ok && slices.Contains(equalities, b.Operator) && !isNil(b.Left) && !isNil(b.Right) {
			found = found || b.Left == part || b.Right == part
		}
		return found
	})
	return found
}

// baseOf spells what a field is taken of.
func baseOf(n ast.Node) string {
	if m, ok := n.(*ast.MemberNode); ok {
		if _, element := m.Node.(*ast.PointerNode); element {
			return "the list's element"
		}
		return m.Node.String()
	}
	return "payload"
}
