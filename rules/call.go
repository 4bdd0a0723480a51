package rules

import (
	"fmt"
	"reflect"

	"github.com/expr-lang/expr/ast"
)

// call refuses what expr would only notice when it runs, and gives our functions
// what they need beside their arguments.
func (r *rewriter) call(n *ast.CallNode) {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		r.fail(n, "a field cannot be called; functions stand in front: upper(ref), and operators between: ref startsWith \"refs/\"")
		return
	}
	f := functionNamed(name.Value)
	if f == nil {
		r.fail(name, fmt.Sprintf("there is no function %s%s", name.Value, didYouMean(name.Value, functionNames)))
		return
	}
	if err := f.arguments(len(n.Arguments)); err != nil {
		r.fail(n, err.Error())
		return
	}
	for i := range n.Arguments {
		r.argument(f, i, &n.Arguments[i])
	}
	given := []ast.Node{r.own(&ast.IdentifierNode{Value: meterName})}
	if f.reads != nil {
		given = append(given, r.own(&ast.IdentifierNode{Value: "payload"}))
		r.reads = append(r.reads, f.reads...)
	}
	n.Arguments = append(given, n.Arguments...)
	n.SetType(reflect.TypeFor[any]()) // what expr took it for without them
}

// argument compiles an argument that is spelt out, and guards one that is not.
func (r *rewriter) argument(f *function, i int, node *ast.Node) {
	if list, ok := (*node).(*ast.ArrayNode); ok {
		for k := range list.Nodes {
			r.argument(f, i, &list.Nodes[k])
		}
		return
	}
	if literal, ok := (*node).(*ast.StringNode); ok && f.compile != nil {
		compiled, err := f.compile(i, literal.Value)
		if err != nil {
			r.fail(literal, err.Error())
		}
		if compiled != nil {
			r.became[literal] = &ast.ConstantNode{Value: compiled}
			*node = r.own(r.became[literal])
		}
		return
	}
	_, spelt := (*node).(*ast.StringNode)
	switch {
	case isLiteral(*node) && !spelt && (i < f.texts || f.compile != nil):
		r.fail(*node, fmt.Sprintf("%s needs a text here, not %s", f.name, *node))
	case i < f.texts:
		r.requireText(node, f.name, 1)
	default:
		r.charge(node, flat)
	}
}
