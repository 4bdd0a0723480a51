package rules

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"unicode"

	"github.com/expr-lang/expr/ast"
)

// trusted are the names of fields by which it is decided who may do what, or what
// is released. A pattern for one of them has to cover all of the text.
var trusted = []string{
	"ref", "base_ref", "branch", "default_branch", "head_branch", "tag", "tag_name", "full_name", "login", "email", "username",
}

// owners are what has a name that is such a field.
var owners = []string{"repository", "sender", "pusher", "author", "committer", "owner", "user", "project", "organization"}

// guards tells whether a part of an expression is something that a condition
// trusts. Request headers, parameters and queries are what the caller chose.
func guards(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return slices.Contains(trusted, n.Value)
	case *ast.ChainNode:
		return guards(n.Node)
	case *ast.BinaryNode: // (email ?? "")
		return n.Operator == "??" && guards(n.Left)
	case *ast.BuiltinNode: // lower(ref)
		return len(n.Arguments) > 0 && slices.Contains(givesText, n.Name) && guards(n.Arguments[0])
	case *ast.MemberNode:
		key, ok := n.Property.(*ast.StringNode)
		base := n.Node.String()
		switch {
		case !ok:
			return false
		case base == "request":
			return key.Value == "remote_ip" || key.Value == "path"
		case base == "request.headers" || base == "request.query" || base == "request.params":
			return true
		case key.Value == "name":
			return slices.Contains(owners, lastOf(n.Node))
		}
		return slices.Contains(trusted, key.Value)
	}
	return false
}

// lastOf is the last name of a path.
func lastOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		if key, ok := n.Property.(*ast.StringNode); ok {
			return key.Value
		}
	}
	return ""
}

// patterns looks for regular expressions that let through more than they seem to.
func (l *linter) patterns(t *lintedText) {
	ast.Find(t.tree, func(n ast.Node) bool {
		b, ok := n.(*ast.BinaryNode)
		if !ok || b.Operator != "matches" || !guards(b.Left) {
			return false
		}
		if pattern, ok := b.Right.(*ast.StringNode); ok {
			l.pattern(t, b, pattern.Value)
		}
		return false
	})
}

func (l *linter) pattern(t *lintedText, n *ast.BinaryNode, pattern string) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return // told when the file was read
	}
	begins, ends := bound(re, front), bound(re, back)
	switch {
	case !begins && !ends:
		l.warnAt(t, n.Right, "the pattern matches anywhere in the text, also where somebody has put more around it; write %s for all of it", strconv.Quote("^("+pattern+")$"))
	case !begins:
		l.warnAt(t, n.Right, "the pattern matches whatever stands in front; begin it, and each of its alternatives, with ^, or write endsWith if only the end counts")
	case !ends:
		l.warnAt(t, n.Right, "the pattern matches whatever follows; end it, and each of its alternatives, with $, or write startsWith if only the beginning counts")
	}
}

// side is one end of a pattern.
type side int

const (
	front side = iota
	back
)

// bound tells that a pattern says on one side where the text begins or ends, or
// that anything may stand there.
func bound(re *syntax.Regexp, at side) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return at == front
	case syntax.OpEndText:
		return at == back
	case syntax.OpCapture:
		return bound(re.Sub[0], at)
	case syntax.OpStar, syntax.OpPlus: // .* says that anything may stand there
		return re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(alternative *syntax.Regexp) bool { return !bound(alternative, at) })
	case syntax.OpConcat:
		return bound(re.Sub[int(at)*(len(re.Sub)-1)], at)
	case syntax.OpLiteral: // a separator at the end, as in ^refs/heads/: a beginning is meant
		end := re.Rune[len(re.Rune)-1]
		return at == back && !unicode.IsLetter(end) && !unicode.IsDigit(end)
	}
	return false
}
