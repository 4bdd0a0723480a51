package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// What the functions of the expression language give, as far as comparisons
// care. https://expr-lang.org/docs/language-definition
var (
	givesBool   = []string{"all", "any", "none", "one", "hasPrefix", "hasSuffix"}
	givesNumber = []string{"len", "count", "sum", "abs", "ceil", "floor", "round", "int", "float", "indexOf", "lastIndexOf", "findIndex", "findLastIndex", "mean", "median"}
	givesText   = []string{"lower", "upper", "trim", "trimPrefix", "trimSuffix", "replace", "repeat", "join", "string", "type", "toJSON", "toBase64", "fromBase64"}
	givesSame   = []string{"filter", "reverse", "sort", "sortBy", "uniq", "take"}
	givesOne    = []string{"find", "findLast", "first", "last"}
)

func (r *reader) builtin(n *ast.BuiltinNode) *shape {
	var list, body *shape
	for i, argument := range n.Arguments {
		predicate, ok := argument.(*ast.PredicateNode)
		switch {
		case ok:
			body = r.predicate(predicate, list)
		case i == 0:
			list = r.read(argument)
		default:
			r.read(argument)
		}
	}
	switch {
	case slices.Contains(givesBool, n.Name):
		return is(boolKind)
	case slices.Contains(givesNumber, n.Name):
		return is(numberKind)
	case slices.Contains(givesText, n.Name):
		return is(textKind)
	case slices.Contains(givesSame, n.Name) && list.only(listKind):
		return list
	case slices.Contains(givesOne, n.Name) && list.only(listKind):
		return list.element
	case n.Name == "map":
		return listShape(body)
	case n.Name == "split":
		return listShape(is(textKind))
	}
	return nil
}

// predicate reads what is asked of each element of a list.
func (r *reader) predicate(n *ast.PredicateNode, list *shape) *shape {
	var element *shape
	if list.only(listKind) {
		element = list.element
	}
	r.elems = append(r.elems, element)
	defer func() { r.elems = r.elems[:len(r.elems)-1] }()
	return r.read(n.Node)
}
