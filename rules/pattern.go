package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// A pattern that comes from a payload is bounded in length, and in the size of
// the program that it makes: (a{30}){30} is short, but large.
const (
	maxPattern     = 1_000 // bytes
	maxPatternSize = 1_000 // as patternSize counts
)

// A pattern is a compiled regular expression or glob. Matching takes time in
// proportion to the text (RE2), whatever the pattern.
type pattern struct {
	source  string
	except  bool // a glob that begins with !
	program *regexp.Regexp
	size    int
}

// MarshalText writes the pattern as it was written, by which expr tells two
// constants apart.
func (p *pattern) MarshalText() ([]byte, error) { return []byte(p.source), nil }

func (p *pattern) matches(m *meter, text string) (bool, error) {
	if err := m.take(1 + matchPrice(len(text), p.size)); err != nil {
		return false, err
	}
	return p.program.MatchString(text), nil
}

// matchPrice is how many steps it takes to match a text: each byte of it may
// have to be compared with every part of the pattern.
func matchPrice(length, patternSize int) int { return length * patternSize / textStep }

func compilePattern(source string) (*pattern, error) {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := regexp.Compile(source)
	return &pattern{source: source, program: program, size: patternSize(parsed)}, err
}

// compileForeign compiles a pattern that comes from a payload.
func compileForeign(m *meter, source string) (*pattern, error) {
	if len(source) > maxPattern {
		return nil, fmt.Errorf("the pattern has %d bytes; one that the configuration does not spell out may have %d", len(source), maxPattern)
	}
	if err := m.take(len(source) + 100); err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if patternSize(parsed) > maxPatternSize {
		return nil, fmt.Errorf("the pattern %s repeats too much for one that the configuration does not spell out", describe(source))
	}
	return compilePattern(source)
}

// patternSize is about how many instructions a pattern is compiled to: a part
// that is repeated counts as often as it may come.
func patternSize(parsed *syntax.Regexp) int {
	total := 1
	for _, part := range parsed.Sub {
		total += patternSize(part)
	}
	switch parsed.Op {
	case syntax.OpLiteral:
		total += len(parsed.Rune)
	case syntax.OpRepeat:
		total *= max(parsed.Min, parsed.Max, 1)
	}
	return total
}

// matches takes the place of expr's own operator for a pattern that the
// configuration does not spell out: matches(meter, text, pattern).
func matches(params ...any) (any, error) {
	m := params[0].(*meter)
	text, isText := params[1].(string)
	source, isSource := params[2].(string)
	if !isText || !isSource {
		return nil, fmt.Errorf("matches needs two texts, not %s and %s", describe(params[1]), describe(params[2]))
	}
	p, err := compileForeign(m, source)
	if err != nil {
		return nil, err
	}
	return p.matches(m, text)
}
