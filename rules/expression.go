package rules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// An expression is one compiled piece of expr-lang: a condition or what stands
// between {{ and }}. It is immutable; any number of goroutines may evaluate it.
type expression struct {
	source  string
	program *vm.Program
	fields  fields // what it reads of the payload
}

// environment is what an expression can see. Everything else, the bare names of
// payload fields included, is rewritten to these two before compilation.
type environment struct {
	Payload any          `expr:"payload"`
	Request *requestView `expr:"request"`
}

// expressionError is a mistake in an expression, with its place in the source.
type expressionError struct {
	line, col int // from 1, and from 0
	msg       string
}

func (e *expressionError) Error() string { return e.msg }

// compileExpression compiles source. A mistake is an *expressionError.
func compileExpression(source string) (*expression, error) {
	scan := &scanner{callees: map[*ast.IdentifierNode]bool{}, locals: map[string]bool{}}
	rewrite := &rewriter{scan: scan, paths: map[ast.Node][]string{}}
	program, err := expr.Compile(source,
		expr.Env(environment{}),
		expr.Function(getFunc, get),
		expr.Function(textFunc, text),
		expr.Patch(scan),
		expr.Patch(rewrite),
	)
	if rewrite.err != nil {
		return nil, locate(source, rewrite.err)
	}
	if err != nil {
		return nil, locate(source, err)
	}
	return &expression{source: source, program: program, fields: rewrite.fields()}, nil
}

func locate(source string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &expressionError{line: 1, msg: err.Error()}
	}
	at.Bind(file.NewSource(source))
	return &expressionError{line: max(at.Line, 1), col: at.Column, msg: at.Message}
}

// eval returns the expression's value. The error says what could not be done,
// without the line and caret that expr draws below its messages.
func (e *expression) eval(env environment) (any, error) {
	value, err := expr.Run(e.program, env)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			err = errors.New(at.Message)
		}
		return nil, fmt.Errorf("%s: %w", e.source, err)
	}
	return value, nil
}

// holds evaluates a condition. Anything but true or false is an error, save
// nil: a field that is missing does not fire and is no mistake.
func (e *expression) holds(env environment) (bool, error) {
	value, err := e.eval(env)
	if err != nil {
		return false, err
	}
	switch v := value.(type) {
	case bool:
		return v, nil
	case nil:
		return false, nil
	}
	return false, fmt.Errorf("%s: gives %s, and a condition must give true or false", e.source, describe(value))
}

// scanner is the first pass over the tree: it notes what the second must leave
// alone.
type scanner struct {
	callees map[*ast.IdentifierNode]bool // names that are called: functions
	locals  map[string]bool              // names that a let introduces
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
}

// rewriter is the second pass. It makes every path nil-safe and exact: ref
// becomes get(payload, "ref"), and head_commit.id becomes
// get(payload, "head_commit", "id"). So a payload field may have the name of a
// function, and the payload fields that an expression needs are known.
type rewriter struct {
	scan  *scanner
	paths map[ast.Node][]string // get calls with a constant path into the payload
	err   error
}

// textOperators are undefined for a missing value. expr lets them be false,
// which fails open behind a not.
var textOperators = []string{"matches", "contains", "startsWith", "endsWith"}

func (r *rewriter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.identifier(node, n)
	case *ast.MemberNode:
		r.member(node, n)
	case *ast.CallNode:
		r.call(n)
	case *ast.BinaryNode:
		if slices.Contains(textOperators, n.Operator) {
			r.requireText(&n.Left, n.Operator)
			r.requireText(&n.Right, n.Operator)
		}
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
		r.replace(node, extend(n.Node, n.Property), nil)
		return
	}
	delete(r.paths, n.Node)
	r.replace(node, extend(n.Node, n.Property), append(slices.Clip(path), key.Value))
}

// call refuses what expr would only notice when it runs.
func (r *rewriter) call(n *ast.CallNode) {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		r.fail(n, "a field cannot be called; functions stand in front: upper(ref), and operators between: ref startsWith \"refs/\"")
		return
	}
	if name.Value != getFunc && name.Value != textFunc && !slices.Contains(functionNames, name.Value) {
		r.fail(name, fmt.Sprintf("there is no function %s%s", name.Value, didYouMean(name.Value, functionNames)))
	}
}

func (r *rewriter) requireText(node *ast.Node, operator string) {
	if _, constant := (*node).(*ast.StringNode); constant {
		return
	}
	call := &ast.CallNode{
		Callee: &ast.IdentifierNode{Value: textFunc},
		Arguments: []ast.Node{*node, &ast.StringNode{Value: operator},
			&ast.StringNode{Value: sourceOf(*node)}},
	}
	call.SetLocation((*node).Location())
	*node = call
}

func (r *rewriter) replace(node *ast.Node, by *ast.CallNode, path []string) {
	by.SetLocation((*node).Location())
	*node = by
	if path != nil {
		r.paths[by] = path
	}
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

func isGet(call *ast.CallNode) bool {
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == getFunc
}

// sourceOf spells a rewritten path as the user wrote it, for error messages.
func sourceOf(n ast.Node) string {
	call, ok := n.(*ast.CallNode)
	if !ok || !isGet(call) {
		return n.String()
	}
	var s string
	if base, ok := call.Arguments[0].(*ast.IdentifierNode); !ok || base.Value != "payload" {
		s = sourceOf(call.Arguments[0])
	}
	for _, key := range call.Arguments[1:] {
		if name, ok := key.(*ast.StringNode); ok && s == "" {
			s = name.Value
		} else if ok {
			s += "." + name.Value
		} else {
			s += "[" + sourceOf(key) + "]"
		}
	}
	return s
}
