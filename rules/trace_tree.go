package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// isConstant tells whether a part has the same value whatever the payload: there
// is nothing to say of it that is not in its text.
func isConstant(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.BytesNode, *ast.ConstantNode:
		return true
	case *ast.UnaryNode, *ast.BinaryNode, *ast.ArrayNode, *ast.MapNode:
		for _, child := range children(n) {
			if !isConstant(child) {
				return false
			}
		}
		return true
	}
	return false
}

// isPredicate tells what is evaluated for each element of a list. It has no value
// of its own.
func isPredicate(node ast.Node) bool {
	_, ok := node.(*ast.PredicateNode)
	return ok
}

// children lists what a part is made of, in the order of evaluation.
func children(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return slices.DeleteFunc([]ast.Node{n.Node, n.From, n.To}, func(n ast.Node) bool { return n == nil })
	case *ast.CallNode:
		return n.Arguments
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		var nodes []ast.Node
		for _, pair := range n.Pairs {
			if p, ok := pair.(*ast.PairNode); ok {
				nodes = append(nodes, p.Key, p.Value)
			}
		}
		return nodes
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	}
	return nil
}

// spans finds the text of a part in what the user wrote. The parser notes of a
// part only the word that it is known by: the operator, the name of a function.
type spans struct {
	source []rune
	tokens []lexer.Token
	known  map[ast.Node]string
}

func newSpans(source string) (*spans, error) {
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return nil, err
	}
	return &spans{source: []rune(source), tokens: tokens, known: map[ast.Node]string{}}, nil
}

// text is the part's text. Where it cannot be cut out of the source, it is
// spelt anew and means the same.
func (s *spans) text(node ast.Node) string {
	if text, ok := s.known[node]; ok {
		return text
	}
	from, to := s.span(node)
	text := node.String()
	if from < to && to <= len(s.source) {
		cut := strings.TrimSpace(string(s.source[from:to]))
		if tree, err := parser.Parse(cut); err == nil && tree.Node.String() == text {
			text = cut
		}
	}
	s.known[node] = text
	return text
}

// sameSpan tells that two parts have one text, as in "x not in y".
func (s *spans) sameSpan(a, b ast.Node) bool {
	aFrom, aTo := s.span(a)
	bFrom, bTo := s.span(b)
	return aFrom == bFrom && aTo == bTo
}

// span is where the part begins and ends: as far as what it is made of, and on
// to the brackets that belong together.
func (s *spans) span(node ast.Node) (from, to int) {
	from, to = len(s.source), 0
	if _, ok := node.(*ast.ConditionalNode); !ok { // its place is behind it
		from, to = node.Location().From, node.Location().To
	}
	for _, child := range children(node) {
		childFrom, childTo := s.span(child)
		from, to = min(from, childFrom), max(to, childTo)
	}
	first, last := s.first(from), s.last(to)
	if first < 0 || last < first {
		return from, to
	}
	switch node.(type) {
	case *ast.CallNode, *ast.BuiltinNode:
		if last+1 < len(s.tokens) && s.tokens[last+1].Is(lexer.Bracket, "(") {
			last++
		}
	}
	first, last = s.balance(first, last)
	if first > 0 && s.tokens[first-1].Is(lexer.Operator, "let", "if") {
		switch node.(type) {
		case *ast.ConditionalNode, *ast.VariableDeclaratorNode:
			first--
		}
	}
	return s.tokens[first].From, s.tokens[last].To
}

// first is the token that begins at from or later, last the one that ends at to
// or before.
func (s *spans) first(from int) int {
	for i, token := range s.tokens {
		if token.From >= from {
			return i
		}
	}
	return -1
}

func (s *spans) last(to int) int {
	for i := len(s.tokens) - 1; i >= 0; i-- {
		if token := s.tokens[i]; token.To <= to && token.Kind != lexer.EOF {
			return i
		}
	}
	return -1
}

// balance goes on in both directions until each bracket has its other one.
func (s *spans) balance(first, last int) (int, int) {
	open, missing := 0, 0 // brackets that are not closed, and that were not opened
	for _, token := range s.tokens[first : last+1] {
		switch {
		case isOpening(token):
			open++
		case isClosing(token) && open > 0:
			open--
		case isClosing(token):
			missing++
		}
	}
	for depth := open; depth > 0 && last+1 < len(s.tokens); {
		last++
		depth += change(s.tokens[last])
	}
	for depth := missing; depth > 0 && first > 0; {
		first--
		depth -= change(s.tokens[first])
	}
	return first, last
}

func change(token lexer.Token) int {
	switch {
	case isOpening(token):
		return 1
	case isClosing(token):
		return -1
	}
	return 0
}

func isOpening(token lexer.Token) bool { return token.Is(lexer.Bracket, "(", "[", "{") }
func isClosing(token lexer.Token) bool { return token.Is(lexer.Bracket, ")", "]", "}") }
