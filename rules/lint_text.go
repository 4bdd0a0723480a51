package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"gopkg.in/yaml.v3"
)

// A lintedText is an expression as its author wrote it, before names of fields
// become anything else, and where it stands.
type lintedText struct {
	node   node
	before string // what stands in front of it in the node's text
	source string
	tree   ast.Node
}

// text parses an expression, nil if it is none: that is told elsewhere.
func (l *linter) text(n node, before, source string) *lintedText {
	tree, err := parser.Parse(source)
	if err != nil {
		return nil
	}
	return &lintedText{node: n, before: before, source: source, tree: tree.Node}
}

// warnAt notes a warning about a part of an expression.
func (l *linter) warnAt(t *lintedText, part ast.Node, format string, args ...any) {
	n := t.node
	place := placeOf(n)
	ahead := string([]rune(t.source)[:beginOf(part)])
	at := &expressionError{line: 1}
	_ = shift(at, t.before+ahead)
	place.Line, place.Col = n.file.position(n.Node, at.line, at.col)
	l.report.Problems = append(l.report.Problems, place.Problem(Warning, format, args...))
}

// beginOf is where a part begins. The tree has the place of operators.
func beginOf(n ast.Node) int {
	switch n := n.(type) {
	case *ast.BinaryNode:
		return beginOf(n.Left)
	case *ast.MemberNode:
		return beginOf(n.Node)
	case *ast.SliceNode:
		return beginOf(n.Node)
	case *ast.ChainNode:
		return beginOf(n.Node)
	case *ast.ConditionalNode:
		return beginOf(n.Cond)
	case *ast.CallNode:
		return beginOf(n.Callee)
	}
	return n.Location().From
}

// scope is what the expressions of a hook's rules can see.
type scope struct {
	provider *provider // nil if it is not known who sends
	params   []string  // of the hook's path
}

// condition looks at a rule's when, and says what it always comes to.
func (l *linter) condition(s *scope, t *lintedText) verdict {
	r := &reader{l: l, scope: s, text: t}
	r.begin(anyEvent)
	if shape := r.read(t.tree); !shape.may(boolKind) {
		r.notBool(t.tree, shape, "a condition")
	}
	l.patterns(t)
	return l.constants(t, t.tree)
}

// values looks at the {{ expressions }} in a setting, whatever its form. events
// are those that the rule is for.
func (l *linter) values(s *scope, n node, events []string) {
	switch n.Kind {
	case yaml.MappingNode:
		for _, value := range n.entries() {
			l.values(s, value, events)
		}
	case yaml.SequenceNode:
		for _, e := range n.list() {
			l.values(s, e, events)
		}
	case yaml.ScalarNode:
		l.value(s, n, events)
	}
}

func (l *linter) value(s *scope, n node, events []string) {
	before := ""
	for rest := n.Value; ; {
		literal, after, found := strings.Cut(rest, "{{")
		source, err := untilClose(after)
		if !found || err != nil {
			return
		}
		before += literal + "{{"
		if t := l.text(n, before, source); t != nil {
			r := &reader{l: l, scope: s, text: t}
			r.begin(events)
			r.read(t.tree)
			l.patterns(t)
		}
		before += source + "}}"
		rest = strings.TrimPrefix(after, source+"}}")
	}
}

// anyEvent is for a rule that does not say which event it is for.
var anyEvent []string

// eventsOf lists the events for which a condition can hold, as far as it says so
// itself.
func eventsOf(n ast.Node) []string {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return anyEvent
	}
	switch b.Operator {
	case "&&", "and":
		if events := eventsOf(b.Left); events != nil {
			return events
		}
		return eventsOf(b.Right)
	case "||", "or":
		left, right := eventsOf(b.Left), eventsOf(b.Right)
		if left == nil || right == nil {
			return anyEvent
		}
		return append(left, right...)
	case "==", "in":
		of, value := b.Left, b.Right
		if _, mirrored := of.(*ast.StringNode); mirrored {
			of, value = value, of
		}
		if of.String() == "request.event" {
			return literalTexts(value)
		}
	}
	return anyEvent
}

// literalTexts lists the texts of a literal or of a list of them, nil for all else.
func literalTexts(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.StringNode:
		return []string{n.Value}
	case *ast.ArrayNode:
		var texts []string
		for _, e := range n.Nodes {
			s, ok := e.(*ast.StringNode)
			if !ok {
				return nil
			}
			texts = append(texts, s.Value)
		}
		return texts
	}
	return nil
}
