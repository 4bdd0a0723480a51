package rules

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// compileGlob compiles a glob: * is any text without a slash, ** any text at
// all, **/ in front of a name also nothing, ? one character but a slash, [a-z]
// one of these and [!a-z] none of them, {a,b} one or the other; \ takes the
// meaning away. It becomes a regular expression, because those are matched in
// linear time, and the usual ways to match a glob are not.
func compileGlob(glob string) (*pattern, error) {
	g := globReader{rest: []rune(glob)}
	g.source.WriteString(`(?s)\A`)
	for len(g.rest) > 0 {
		if err := g.next(); err != nil {
			return nil, fmt.Errorf("%q is not a glob: %w", glob, err)
		}
	}
	if g.open > 0 {
		return nil, fmt.Errorf("%q is not a glob: { has no }; write \\{ for a brace", glob)
	}
	g.source.WriteString(`\z`)
	p, err := compilePattern(g.source.String())
	if err != nil {
		return nil, fmt.Errorf("%q is not a glob: %w", glob, err)
	}
	p.source = glob
	return p, nil
}

// compileForeignGlob compiles a glob that comes from a payload.
func compileForeignGlob(m *meter, glob string) (*pattern, error) {
	if len(glob) > maxPattern {
		return nil, fmt.Errorf("the glob has %d bytes; one that the configuration does not spell out may have %d", len(glob), maxPattern)
	}
	if err := m.take(len(glob) + 100); err != nil {
		return nil, err
	}
	return compileGlob(glob)
}

// A globReader translates a glob into a regular expression.
type globReader struct {
	source strings.Builder
	rest   []rune
	before rune // 0 at the beginning
	open   int  // braces
}

func (g *globReader) next() error {
	c := g.take()
	switch {
	case c == '*' && g.follows('*'):
		g.anything()
	case c == '*':
		g.source.WriteString(`[^/]*`)
	case c == '?':
		g.source.WriteString(`[^/]`)
	case c == '[':
		return g.class()
	case c == '{':
		g.open++
		g.source.WriteString(`(?:`)
	case c == '}' && g.open > 0:
		g.open--
		g.source.WriteString(`)`)
	case c == ',' && g.open > 0:
		g.source.WriteString(`|`)
	case c == '\\':
		if len(g.rest) == 0 {
			return fmt.Errorf(`it ends with \; write \\ for a backslash`)
		}
		g.source.WriteString(regexp.QuoteMeta(string(g.take())))
	default:
		g.source.WriteString(regexp.QuoteMeta(string(c)))
	}
	g.before = c
	return nil
}

func (g *globReader) take() rune {
	c := g.rest[0]
	g.rest = g.rest[1:]
	return c
}

func (g *globReader) follows(c rune) bool { return len(g.rest) > 0 && g.rest[0] == c }

// anything translates **. As a folder's name it also stands for no folder.
func (g *globReader) anything() {
	g.take()
	if g.follows('/') && strings.ContainsRune("\x00/{,", g.before) {
		g.take()
		g.source.WriteString(`(?:.*/)?`)
		return
	}
	g.source.WriteString(`.*`)
}

// class translates [a-z]. Like *, it never takes a slash.
func (g *globReader) class() error {
	none := g.follows('!') || g.follows('^')
	if none {
		g.take()
	}
	var ranges strings.Builder
	for first := true; first || !g.follows(']'); first = false {
		from, err := g.member()
		if err != nil {
			return err
		}
		to := from
		if g.follows('-') && len(g.rest) > 1 && g.rest[1] != ']' {
			g.take()
			if to, err = g.member(); err != nil {
				return err
			}
		}
		if from > to {
			return fmt.Errorf("%c-%c goes backwards", from, to)
		}
		addRange(&ranges, from, min(to, '/'-1))
		addRange(&ranges, max(from, '/'+1), to)
	}
	g.take()
	switch {
	case none:
		ranges.WriteByte('/')
		fmt.Fprintf(&g.source, "[^%s]", ranges.String())
	case ranges.Len() == 0: // [/] is nothing at all
		g.source.WriteString(`[^\x{0}-\x{10FFFF}]`)
	default:
		fmt.Fprintf(&g.source, "[%s]", ranges.String())
	}
	return nil
}

func (g *globReader) member() (rune, error) {
	if g.follows('\\') {
		g.take()
	}
	if len(g.rest) == 0 {
		return utf8.RuneError, fmt.Errorf(`[ has no ]; write \[ for a bracket`)
	}
	return g.take(), nil
}

func addRange(b *strings.Builder, from, to rune) {
	if from <= to {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, from, to)
	}
}

func compileGlobArgument(argument int, literal string) (any, error) {
	if argument > 0 {
		return nil, nil
	}
	return compileGlob(literal)
}

func callGlob(params ...any) (any, error) {
	m := params[0].(*meter)
	glob, err := globOf(m, params[1])
	if err != nil {
		return nil, err
	}
	return glob.matches(m, params[2].(string))
}

func globOf(m *meter, argument any) (*pattern, error) {
	switch v := argument.(type) {
	case *pattern:
		return v, nil
	case string:
		return compileForeignGlob(m, v)
	}
	return nil, fmt.Errorf("a glob is a text, not %s", describe(argument))
}
