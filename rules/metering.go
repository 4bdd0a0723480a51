package rules

import (
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// This part of the rewriter makes expressions count their steps: each turn of a
// loop, and each operation that takes longer for a larger value. What takes the
// same time for every payload is not counted.

// comparisons look at all of a text, and at all of a list.
var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

// charge counts an operand, unless it is known to be small.
func (r *rewriter) charge(node *ast.Node, price string) {
	if isLiteral(*node) || isNumber(*node) || price == none {
		return
	}
	if call, ok := (*node).(*ast.CallNode); ok && calls(call, costFunc) {
		return
	}
	r.wrap(node, costFunc, *node, &ast.StringNode{Value: price})
}

// predicate counts the turns of a loop.
func (r *rewriter) predicate(n *ast.PredicateNode) {
	count := &ast.CallNode{
		Callee:    r.own(&ast.IdentifierNode{Value: turnFunc}),
		Arguments: []ast.Node{r.own(&ast.IdentifierNode{Value: meterName})},
	}
	body := &ast.SequenceNode{Nodes: []ast.Node{r.own(count), n.Node}}
	body.SetLocation(n.Node.Location())
	n.Node = r.own(body)
}

// textFunctions and listFunctions are those of expr's own whose first argument
// must be there; expr would say so in Go's words.
var (
	textFunctions = []string{"lower", "upper", "split", "splitAfter", "hasPrefix", "hasSuffix", "indexOf", "lastIndexOf", "trimPrefix", "trimSuffix"}
	listFunctions = []string{"all", "any", "none", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count", "sum", "map",
		"groupBy", "sortBy", "reduce", "len", "sort", "reverse", "uniq", "first", "last", "keys", "values"}
)

// need guards a field of the payload that a function must be given.
func (r *rewriter) need(n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	call, ok := n.Arguments[0].(*ast.CallNode)
	switch {
	case !ok || !isGet(call):
	case slices.Contains(listFunctions, n.Name):
		r.guard(&n.Arguments[0], listFunc, n.Name)
	case slices.Contains(textFunctions, n.Name):
		r.requireText(&n.Arguments[0], n.Name, 1)
	}
}

// builtin counts what expr's own functions look at.
func (r *rewriter) builtin(n *ast.BuiltinNode) {
	r.need(n)
	if n.Name == "timezone" || n.Name == "date" && len(n.Arguments) == 3 {
		r.wrap(&n.Arguments[0], costFunc, n.Arguments[0], &ast.StringNode{Value: zone})
	}
	price, special := builtinPrices[n.Name]
	if !special {
		price = flat
	}
	predicated := false
	for _, argument := range n.Arguments {
		if p, ok := argument.(*ast.PredicateNode); ok {
			predicated = true
			if n.Name == "sortBy" || n.Name == "groupBy" { // its results are compared
				r.charge(&p.Node.(*ast.SequenceNode).Nodes[1], price)
			}
		}
	}
	for i := range n.Arguments {
		if !predicated { // else it is the turns that are counted
			r.charge(&n.Arguments[i], price)
		}
	}
}

// in looks through a list. One that is spelt out is short.
func (r *rewriter) in(n *ast.BinaryNode) {
	list, spelt := n.Right.(*ast.ArrayNode)
	isRange := false
	if b, ok := n.Right.(*ast.BinaryNode); ok {
		isRange = b.Operator == ".."
	}
	if !spelt && !isRange {
		r.guard(&n.Right, anyFunc, n.Operator)
	}
	if spelt && slices.ContainsFunc(list.Nodes, func(e ast.Node) bool { return !isLiteral(e) }) {
		r.charge(&n.Left, deep)
		return
	}
	r.charge(&n.Left, flat)
}

// matches counts a text against a pattern. One that is spelt out is compiled by
// expr; any other is bounded.
func (r *rewriter) matches(node *ast.Node, n *ast.BinaryNode) {
	literal, spelt := n.Right.(*ast.StringNode)
	if !spelt {
		r.requireText(&n.Left, n.Operator, 1)
		r.requireText(&n.Right, n.Operator, 1)
		r.wrap(node, matchesFunc, n.Left, n.Right)
		return
	}
	price := 1
	if parsed, err := syntax.Parse(literal.Value, syntax.Perl); err == nil { // else expr tells
		price = patternSize(parsed)
	}
	r.requireText(&n.Left, n.Operator, price)
}

func isLiteral(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode, *ast.ConstantNode:
		return true
	}
	return false
}

// isNumber tells what expr knows to be a number, true or false.
func isNumber(n ast.Node) bool {
	t := n.Type()
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Float64:
		return true
	}
	return false
}

func calls(call *ast.CallNode, function string) bool {
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == function
}

// sourceOf spells a rewritten node as the user wrote it, for error messages.
func (r *rewriter) sourceOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallNode:
		return r.sourceOfCall(n)
	case *ast.BuiltinNode:
		return n.Name + "(" + r.sourcesOf(n.Arguments) + ")"
	case *ast.PredicateNode:
		return r.sourceOf(n.Node)
	case *ast.SequenceNode:
		return r.sourceOf(n.Nodes[len(n.Nodes)-1])
	case *ast.BinaryNode:
		return r.sourceOf(n.Left) + " " + n.Operator + " " + r.sourceOf(n.Right)
	}
	if written, ok := r.scan.written[n]; ok {
		return written
	}
	return n.String()
}

func (r *rewriter) sourcesOf(nodes []ast.Node) string {
	sources := make([]string, len(nodes))
	for i, n := range nodes {
		sources[i] = r.sourceOf(n)
	}
	return strings.Join(sources, ", ")
}

func (r *rewriter) sourceOfCall(call *ast.CallNode) string {
	name, ok := call.Callee.(*ast.IdentifierNode)
	switch {
	case !ok:
		return call.String()
	case name.Value == getFunc:
		return r.sourceOfPath(call)
	case name.Value == matchesFunc:
		return r.sourceOf(call.Arguments[1]) + " matches " + r.sourceOf(call.Arguments[2])
	case name.Value == nowFunc:
		return "now()"
	case strings.HasPrefix(name.Value, "$"): // a guard
		return r.sourceOf(call.Arguments[1])
	}
	given := 0
	if f := functionNamed(name.Value); f != nil {
		given = f.given()
	}
	return name.Value + "(" + r.sourcesOf(call.Arguments[given:]) + ")"
}

func (r *rewriter) sourceOfPath(call *ast.CallNode) string {
	var s string
	if base, ok := call.Arguments[0].(*ast.IdentifierNode); !ok || base.Value != "payload" {
		s = r.sourceOf(call.Arguments[0])
	}
	for _, key := range call.Arguments[1:] {
		if name, ok := key.(*ast.StringNode); ok && s == "" {
			s = name.Value
		} else if ok {
			s += "." + name.Value
		} else {
			s += "[" + r.sourceOf(key) + "]"
		}
	}
	return s
}
