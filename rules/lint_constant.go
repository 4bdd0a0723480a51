package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// A verdict says what a condition comes to whatever arrives.
type verdict int

const (
	undecided verdict = iota
	alwaysTrue
	neverTrue
)

func verdictOf(b bool) verdict {
	if b {
		return alwaysTrue
	}
	return neverTrue
}

func (v verdict) not() verdict {
	switch v {
	case alwaysTrue:
		return neverTrue
	case neverTrue:
		return alwaysTrue
	}
	return undecided
}

// constants tells which parts of a condition come to the same whatever arrives,
// and what all of it comes to.
func (l *linter) constants(t *lintedText, n ast.Node) verdict {
	v, why := judge(n)
	if v != undecided && why != "" {
		l.warnAt(t, n, "this is %s", why)
		return v
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		l.constants(t, n.Node)
	case *ast.BinaryNode:
		if isLogic(n) {
			l.constants(t, n.Left)
			l.constants(t, n.Right)
		}
	case *ast.BuiltinNode:
		for _, argument := range n.Arguments {
			if predicate, ok := argument.(*ast.PredicateNode); ok {
				l.constants(t, predicate.Node)
			}
		}
	}
	return v
}

func isLogic(n ast.Node) bool {
	b, ok := n.(*ast.BinaryNode)
	return ok && slices.Contains(logicOperators, b.Operator)
}

func joinsAll(operator string) bool { return operator == "&&" || operator == "and" }

// judge says what a part always comes to, and why if the reason is not in a
// smaller part.
func judge(n ast.Node) (v verdict, why string) {
	if word, ok := n.(*ast.BoolNode); ok && word.Value {
		return alwaysTrue, "always true; leave it out"
	} else if ok {
		return neverTrue, "never true; leave out what it stands in, or put # in front of its lines"
	}
	if value, ok := constant(n); ok {
		if b, ok := value.(bool); ok {
			return verdictOf(b), spellVerdict(verdictOf(b)) + ", because it holds no field; a field is written without quotes"
		}
		return undecided, ""
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			v, _ := judge(n.Node)
			return v.not(), ""
		}
	case *ast.BinaryNode:
		switch {
		case isLogic(n):
			return judgeLogic(n)
		case slices.Contains(equalities, n.Operator) && n.Left.String() == n.Right.String():
			v := verdictOf(n.Operator == "==")
			return v, spellVerdict(v) + ", because both sides are the same; compare with something else"
		}
	}
	return undecided, ""
}

func spellVerdict(v verdict) string {
	if v == alwaysTrue {
		return "always true"
	}
	return "never true"
}

// judgeLogic looks at all parts that one kind of operator joins. What && makes
// impossible, || makes certain when each part is turned round.
func judgeLogic(n *ast.BinaryNode) (v verdict, why string) {
	and := joinsAll(n.Operator)
	decisive, rest := neverTrue, alwaysTrue // of &&
	if !and {
		decisive, rest = alwaysTrue, neverTrue
	}
	parts := joined(n, and)
	all := true
	for _, part := range parts {
		one, _ := judge(part)
		if one == decisive {
			return decisive, ""
		}
		all = all && one == rest
	}
	if all {
		return rest, ""
	}
	term := contradiction(parts, and)
	switch {
	case term == "":
		return undecided, ""
	case and:
		return neverTrue, "never true, because " + term + " cannot be all that at once; between alternatives write ||, as in (A || B)"
	}
	return alwaysTrue, "always true, because one part holds whatever " + term + " is; to rule several values out write && in place of ||"
}

// joined lists what && (or ||) joins, nested ones of the same kind included.
func joined(n ast.Node, and bool) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && isLogic(b) && joinsAll(b.Operator) == and {
		return append(joined(b.Left, and), joined(b.Right, and)...)
	}
	return []ast.Node{n}
}

// conjunctsOf spells the parts that all have to hold for a condition to hold.
func conjunctsOf(n ast.Node) []string {
	var parts []string
	for _, part := range joined(n, true) {
		parts = append(parts, part.String())
	}
	return parts
}

// constant is the value of a part that holds no field, if it is such a part.
func constant(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	}
	closed := true
	ast.Find(n, func(part ast.Node) bool {
		switch part := part.(type) {
		case *ast.IdentifierNode, *ast.PointerNode, *ast.CallNode:
			closed = false
		case *ast.BuiltinNode: // the time is no constant
			closed = closed && part.Name != "now"
		}
		return !closed
	})
	if !closed {
		return nil, false
	}
	compiled, err := compileExpression(n.String())
	if err != nil {
		return nil, false
	}
	value, err := compiled.eval(environment{Request: &requestView{request: &Request{}, hook: &Hook{}}})
	return value, err == nil
}
