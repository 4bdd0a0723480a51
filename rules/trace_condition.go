package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// condition traces what must be true or false.
func (t *tracer) condition(node ast.Node) *Trace {
	if t.left--; t.left < 0 {
		return &Trace{Text: t.source.text(node), Result: NotAsked, Note: "too long to be shown in parts"}
	}
	var parts []*Trace
	switch n := node.(type) {
	case *ast.BinaryNode:
		if slices.Contains(logicOperators, n.Operator) {
			parts = t.logic(n)
		} else {
			parts = t.values(n.Left, n.Right)
		}
	case *ast.UnaryNode:
		parts = t.negation(n)
	case *ast.ConditionalNode:
		parts = t.branches(n)
	case *ast.VariableDeclaratorNode:
		parts = t.declaration(n)
	default:
		value := t.value(node)
		if value.Result == Valued && (value.Value == "true" || value.Value == "false") {
			value.Result, value.Value = Result(value.Value), ""
		}
		return value
	}
	return t.evaluated(node, parts, true)
}

// logic traces a chain of && or ||, from left to right until it is decided.
func (t *tracer) logic(n *ast.BinaryNode) []*Trace {
	goesOn := False
	if isAnd(n.Operator) {
		goesOn = True
	}
	var parts []*Trace
	decided := false
	constant := written(n)
	for _, operand := range operands(n, isAnd(n.Operator)) {
		if decided || constant != nil && written(operand) == nil {
			parts = append(parts, t.notAsked(operand))
			continue
		}
		part := t.condition(operand)
		parts = append(parts, part)
		decided = part.Result != goesOn
	}
	return parts
}

// written is the result of what is true or false whatever the payload, nil of all
// else. An expression is compiled without what stands beside a "|| true" or an
// "&& false", also if it stands in front.
func written(node ast.Node) *bool {
	switch n := node.(type) {
	case *ast.BoolNode:
		return &n.Value
	case *ast.UnaryNode:
		if of := written(n.Node); of != nil && (n.Operator == "!" || n.Operator == "not") {
			not := !*of
			return &not
		}
	case *ast.BinaryNode:
		if !slices.Contains(logicOperators, n.Operator) {
			return nil
		}
		a, b, decides := written(n.Left), written(n.Right), !isAnd(n.Operator)
		switch {
		case a != nil && *a == decides || b != nil && *b == decides:
			return &decides
		case a != nil && b != nil:
			return a
		}
	}
	return nil
}

func isAnd(operator string) bool { return operator == "&&" || operator == "and" }

// operands lists those of a && b && c, which is parsed as (a && b) && c.
func operands(node ast.Node, and bool) []ast.Node {
	n, ok := node.(*ast.BinaryNode)
	if !ok || !slices.Contains(logicOperators, n.Operator) || isAnd(n.Operator) != and {
		return []ast.Node{node}
	}
	return append(operands(n.Left, and), operands(n.Right, and)...)
}

// negation traces the operand of ! and not. In "x not in y" that is no part by
// itself.
func (t *tracer) negation(n *ast.UnaryNode) []*Trace {
	inner, ok := n.Node.(*ast.BinaryNode)
	switch {
	case n.Operator != "!" && n.Operator != "not":
		return t.values(n.Node)
	case ok && t.source.sameSpan(inner, n):
		return t.values(inner.Left, inner.Right)
	}
	return []*Trace{t.condition(n.Node)}
}

// branches traces c ? a : b.
func (t *tracer) branches(n *ast.ConditionalNode) []*Trace {
	asked := t.condition(n.Cond)
	parts := []*Trace{asked}
	for i, branch := range []ast.Node{n.Exp1, n.Exp2} {
		if taken := []Result{True, False}[i]; asked.Result == taken {
			parts = append(parts, t.condition(branch))
		} else {
			parts = append(parts, t.notAsked(branch))
		}
	}
	return parts
}

// declaration traces let name = value; rest.
func (t *tracer) declaration(n *ast.VariableDeclaratorNode) []*Trace {
	named := t.value(n.Value)
	inside := *t
	inside.lets += "let " + n.Name + " = " + t.source.text(n.Value) + "; "
	inside.locals = append(slices.Clip(t.locals), n.Name)
	rest := inside.condition(n.Expr)
	t.left = inside.left
	return []*Trace{named, rest}
}

func (t *tracer) notAsked(node ast.Node) *Trace {
	return &Trace{Text: t.source.text(node), Result: NotAsked}
}
