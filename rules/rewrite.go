package rules

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// scanner is the first pass over the tree: it notes what the second must leave
// alone.
type scanner struct {
	callees map[*ast.IdentifierNode]bool // names that are called: functions
	locals  map[string]bool              // names that a let introduces
	written map[ast.Node]string          // what is rewritten and cannot be spelt as it was
}

func (s *scanner) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			s.callees[name] = true
		}
	case *ast.VariableDeclaratorNode:
		s.locals[n.Name] = true
	}
	switch (*node).(type) {
	case *ast.ConditionalNode, *ast.UnaryNode, *ast.ArrayNode, *ast.MapNode, *ast.SliceNode, *ast.VariableDeclaratorNode:
		s.written[*node] = "(" + (*node).String() + ")"
	}
}

// rewriter is the second pass. It makes every path nil-safe and exact: ref
// becomes get(payload, "ref"), and head_commit.id becomes
// get(payload, "head_commit", "id"). So a payload field may have the name of a
// function, and the payload fields that an expression needs are known.
type rewriter struct {
	scan   *scanner
	paths  map[ast.Node][]string // get calls with a constant path into the payload
	reads  [][]string            // what called functions read of the payload
	became map[ast.Node]ast.Node // what each node was replaced by, itself if by nothing
	err    error
}

// textOperators are undefined for a missing value. expr lets them be false,
// which fails open behind a not.
var textOperators = []string{"matches", "contains", "startsWith", "endsWith"}

// logicOperators need true or false. expr would say so in Go's words.
var logicOperators = []string{"&&", "and", "||", "or"}

// Visit may come to a node twice: 1 < n < 9 is parsed as 1 < n && n < 9 with one
// node for both n.
func (r *rewriter) Visit(node *ast.Node) {
	original := *node
	if by, again := r.became[original]; again {
		*node = by
		return
	}
	r.visit(node)
	r.became[original] = *node
}

func (r *rewriter) visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.identifier(node, n)
	case *ast.MemberNode:
		r.member(node, n)
	case *ast.CallNode:
		r.call(n)
	case *ast.BuiltinNode:
		if n.Name == "now" && len(n.Arguments) == 0 {
			request := &ast.IdentifierNode{Value: "request"}
			r.put(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: nowFunc}, Arguments: []ast.Node{request}})
			return
		}
		r.builtin(n)
	case *ast.BinaryNode:
		r.binary(node, n)
	case *ast.PredicateNode:
		r.predicate(n)
	case *ast.ConditionalNode:
		r.requireBool(&n.Cond, "?")
	case *ast.PairNode:
		r.charge(&n.Key, flat)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			r.requireBool(&n.Node, n.Operator)
		}
	}
}

func (r *rewriter) binary(node *ast.Node, n *ast.BinaryNode) {
	switch op := n.Operator; {
	case op == "matches":
		r.matches(node, n)
	case slices.Contains(textOperators, op):
		r.requireText(&n.Left, op, 1)
		r.requireText(&n.Right, op, 1)
	case slices.Contains(logicOperators, op):
		r.requireBool(&n.Left, op)
		r.requireBool(&n.Right, op)
	case op == "in":
		r.in(n)
	case slices.Contains(comparisons, op) && !isLiteral(n.Left) && !isLiteral(n.Right):
		r.charge(&n.Left, deep)
	case op == "+" && !isNumber(n.Left) && !isNumber(n.Right):
		r.charge(&n.Left, flat)
		r.charge(&n.Right, flat)
	}
}

func (r *rewriter) identifier(node *ast.Node, n *ast.IdentifierNode) {
	switch {
	case r.scan.callees[n] || r.scan.locals[n.Value] || n.Value == "request":
	case n.Value == "$env":
		r.fail(n, "there is no $env; write payload or request")
	case n.Value == "payload":
		r.paths[n] = nil
	default:
		payload := &ast.IdentifierNode{Value: "payload"}
		r.replace(node, getCall(payload, &ast.StringNode{Value: n.Value}), []string{n.Value})
	}
}

func (r *rewriter) member(node *ast.Node, n *ast.MemberNode) {
	key, constant := n.Property.(*ast.StringNode)
	if base, ok := n.Node.(*ast.IdentifierNode); ok && base.Value == "request" && constant {
		if !slices.Contains(requestFields, key.Value) {
			r.fail(n, fmt.Sprintf("request has no %q%s", key.Value, didYouMean(key.Value, requestFields)))
		}
	}
	path, known := r.paths[n.Node]
	if !known || !constant {
		r.charge(&n.Property, flat)
		r.replace(node, extend(n.Node, n.Property), nil)
		return
	}
	delete(r.paths, n.Node)
	r.replace(node, extend(n.Node, n.Property), append(slices.Clip(path), key.Value))
}

// requireText guards what must be a text. price is what it costs, in steps for
// each 64 bytes.
func (r *rewriter) requireText(node *ast.Node, user string, price int) {
	if _, constant := (*node).(*ast.StringNode); !constant {
		r.guard(node, textFunc, user, &ast.IntegerNode{Value: price})
	}
}

// requireBool guards a field of the payload. Everything else that stands as an
// operand is typed by expr itself.
func (r *rewriter) requireBool(node *ast.Node, operator string) {
	if call, ok := (*node).(*ast.CallNode); ok && isGet(call) {
		r.guard(node, boolFunc, operator)
	}
}

// guard puts a function around an operand that lets through only what its user
// takes, an operator or a function.
func (r *rewriter) guard(node *ast.Node, function, user string, more ...ast.Node) {
	arguments := []ast.Node{*node, &ast.StringNode{Value: user}, &ast.StringNode{Value: r.sourceOf(*node)}}
	r.wrap(node, function, append(arguments, more...)...)
}

// wrap puts a call of one of the guards in a node's place.
func (r *rewriter) wrap(node *ast.Node, function string, arguments ...ast.Node) {
	meter := &ast.IdentifierNode{Value: meterName}
	r.put(node, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: function},
		Arguments: append([]ast.Node{meter}, arguments...),
	})
}

func (r *rewriter) replace(node *ast.Node, by *ast.CallNode, path []string) {
	r.put(node, by)
	if path != nil {
		r.paths[by] = path
	}
}

// put puts a call in a node's place. What it is made of is final.
func (r *rewriter) put(node *ast.Node, call *ast.CallNode) {
	call.SetLocation((*node).Location())
	*node = call
	r.own(call)
	r.own(call.Callee)
	for _, argument := range call.Arguments {
		r.own(argument)
	}
}

// own marks a node as made by the rewriter.
func (r *rewriter) own(node ast.Node) ast.Node {
	r.became[node] = node
	return node
}

func (r *rewriter) fail(n ast.Node, msg string) {
	if r.err == nil {
		r.err = &file.Error{Location: n.Location(), Message: msg}
	}
}

// fields lists the payload paths that are used as values: of a.b.c only the
// longest, and everything below it.
func (r *rewriter) fields() fields {
	var f fields
	for _, path := range r.paths {
		f.add(path)
	}
	for _, path := range r.reads {
		f.add(path)
	}
	return f
}

// extend adds a step to a path: get(base, …, key).
func extend(base, key ast.Node) *ast.CallNode {
	if call, ok := base.(*ast.CallNode); ok && isGet(call) {
		return getCall(call.Arguments[0], append(slices.Clip(call.Arguments[1:]), key)...)
	}
	return getCall(base, key)
}

func getCall(base ast.Node, keys ...ast.Node) *ast.CallNode {
	return &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: getFunc},
		Arguments: append([]ast.Node{base}, keys...),
	}
}

func isGet(call *ast.CallNode) bool { return calls(call, getFunc) }
