package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A value is a string of the file that may hold {{ expressions }} and
// ${references}. Its result is a Text: what a payload contributes is always
// literal, whatever it spells.
type value []valuePart

type valuePart struct {
	Part
	expression *expression
}

// compileValue reads a string of the file. The error of a wrong expression is an
// *expressionError with its position within s.
func compileValue(s, folder string) (value, error) {
	var v value
	for rest, offset := s, 0; ; {
		before, after, found := strings.Cut(rest, "{{")
		literal, err := parseReferences(before, folder)
		if err != nil {
			return nil, err
		}
		for _, part := range literal {
			if part != (Part{}) {
				v = append(v, valuePart{Part: part})
			}
		}
		if !found {
			return v, nil
		}
		offset += len(before) + len("{{")
		source, err := untilClose(after)
		if err != nil {
			return nil, shift(&expressionError{line: 1, msg: err.Error()}, s[:offset-len("{{")])
		}
		compiled, err := compileExpression(source)
		if err != nil {
			return nil, shift(err, s[:offset])
		}
		v = append(v, valuePart{expression: compiled})
		rest = after[len(source)+len("}}"):]
		offset += len(source) + len("}}")
	}
}

// untilClose returns what stands before the }} that ends an expression. Quoted
// text may hold braces, and so may maps and predicates.
func untilClose(s string) (string, error) {
	quote, depth := byte(0), 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case strings.HasPrefix(s[i:], "}}"):
			if strings.TrimSpace(s[:i]) == "" {
				return "", errors.New("{{ }} is empty; write a field, as in {{ ref }}")
			}
			return s[:i], nil
		}
	}
	return "", errors.New("{{ has no }}")
}

// shift moves an error of an expression to where it stands in the whole string.
func shift(err error, before string) error {
	var at *expressionError
	if !errors.As(err, &at) {
		return err
	}
	if at.line == 1 {
		at.col += utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	}
	at.line += strings.Count(before, "\n")
	return at
}

// text fills in the expressions.
func (v value) text(env environment) (Text, error) {
	text := make(Text, 0, len(v))
	for _, part := range v {
		if part.expression == nil {
			text = append(text, part.Part)
			continue
		}
		result, err := part.expression.eval(env)
		if err != nil {
			return nil, err
		}
		s, err := spell(result)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.expression.source, err)
		}
		text = append(text, Part{Literal: s})
	}
	return text.join(), nil
}

// join makes one part of literal neighbours.
func (t Text) join() Text {
	joined := Text{}
	for _, p := range t {
		if n := len(joined); n > 0 && p.Ref == "" && joined[n-1].Ref == "" {
			joined[n-1].Literal += p.Literal
			continue
		}
		joined = append(joined, p)
	}
	if len(joined) == 0 {
		return Plain("")
	}
	return joined
}

// spell writes the result of an expression as text: nothing for nil, all digits
// of an integer, JSON for lists and objects.
func spell(result any) (string, error) {
	s, err := spellAny(result)
	if err == nil && !utf8.ValidString(s) {
		return "", errors.New("is not valid UTF-8, and would not be stored as it is")
	}
	if err == nil && strings.ContainsRune(s, 0) {
		return "", errors.New("holds a NUL byte, which no argument or variable can; read it from standard input")
	}
	return s, err
}

func spellAny(result any) (string, error) {
	switch v := result.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case time.Duration:
		return v.String(), nil
	case *requestView:
		return "", fmt.Errorf("request is not a value; take one of its fields: %s", strings.Join(requestFields, ", "))
	}
	if size(result, 0) > maxSteps {
		return "", errTooMuch
	}
	return spellJSON(result)
}

// spellJSON leaves <, > and & as they are: a script is no HTML page.
func spellJSON(result any) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(result); err != nil {
		return "", fmt.Errorf("cannot be written as text: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// fields is what the value reads of the payload.
func (v value) fields() *fields {
	var all fields
	for _, part := range v {
		if part.expression != nil {
			all.merge(&part.expression.fields)
		}
	}
	return &all
}

// references lists the references in the value.
func (v value) references() []Reference {
	var refs []Reference
	for _, part := range v {
		if part.Ref != "" {
			refs = append(refs, part.Ref)
		}
	}
	return refs
}
