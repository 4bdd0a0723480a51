package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// values traces what has a value of its own: not the constants, and not what
// runs for each element of a list.
func (t *tracer) values(nodes ...ast.Node) []*Trace {
	var parts []*Trace
	for _, node := range nodes {
		if node == nil || isConstant(node) || isPredicate(node) || t.left <= 0 {
			continue
		}
		t.left--
		parts = append(parts, t.value(node))
	}
	return parts
}

func (t *tracer) value(node ast.Node) *Trace {
	if path, ok := t.path(node); ok {
		return path
	}
	if t.isLocal(node) {
		return t.evaluated(node, nil, false)
	}
	return t.evaluated(node, t.valuesIn(node), false)
}

// valuesIn traces what a value is made of.
func (t *tracer) valuesIn(node ast.Node) []*Trace {
	if n, ok := node.(*ast.BinaryNode); ok && slices.Contains([]string{"&&", "and", "||", "or", "??"}, n.Operator) {
		return t.firsts(n)
	}
	if n, ok := node.(*ast.ConditionalNode); ok {
		return t.branches(n)
	}
	return t.values(children(node)...)
}

// firsts traces the operands of a ?? b, and of && and || within a value, as far
// as they are certainly looked at: the right one where the left does not decide.
func (t *tracer) firsts(n *ast.BinaryNode) []*Trace {
	left := t.values(n.Left)
	if len(left) == 0 {
		return t.values(n.Right)
	}
	value := left[0]
	goesOn := value.Result == Missing || value.Value == "null"
	switch n.Operator {
	case "&&", "and":
		goesOn = value.Value == "true"
	case "||", "or":
		goesOn = value.Value == "false"
	}
	if isConstant(n.Right) {
		return left
	}
	if !goesOn {
		return append(left, t.notAsked(n.Right))
	}
	return append(left, t.values(n.Right)...)
}

// evaluated says what a part comes to.
func (t *tracer) evaluated(node ast.Node, parts []*Trace, isCondition bool) *Trace {
	p := &Trace{Text: t.source.text(node), Result: Valued, Parts: parts}
	compiled, err := compileExpression(t.lets + p.Text)
	if err != nil {
		p.blame(err.Error())
		return p
	}
	value, err := compiled.eval(t.env)
	if err != nil {
		p.blame(message(compiled.source, err))
		return p
	}
	if matched, ok := value.(bool); ok && isCondition {
		p.conclude(matched, nil)
		return p
	}
	p.Value = preview(value)
	return p
}
