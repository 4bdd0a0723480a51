package rules

import (
	"fmt"
	"strings"
)

// expr's own functions that can make very much of little, or take very long over
// it, count what they will do before they do it. Their arguments have been
// counted by then.

// repeat makes one text of n.
func repeat(params ...any) (any, error) {
	s, n := params[1].(string), params[2].(int)
	if n < 0 {
		return nil, fmt.Errorf("repeat needs a number from 0 on, not %d", n)
	}
	if err := params[0].(*meter).product(len(s), n); err != nil {
		return nil, err
	}
	return strings.Repeat(s, n), nil
}

// join joins a list of texts.
func join(params ...any) (any, error) {
	m, glue := params[0].(*meter), ""
	if len(params) == 3 {
		glue = params[2].(string)
	}
	texts, err := textsOf(params[1])
	if err != nil {
		return nil, err
	}
	for _, s := range texts {
		if err := m.take(1 + len(s)/textStep); err != nil {
			return nil, err
		}
	}
	if err := m.product(len(texts), len(glue)); err != nil {
		return nil, err
	}
	return strings.Join(texts, glue), nil
}

func textsOf(value any) ([]string, error) {
	switch list := value.(type) {
	case []string:
		return list, nil
	case []any:
		texts := make([]string, len(list))
		for i, element := range list {
			s, ok := element.(string)
			if !ok {
				return nil, fmt.Errorf("join needs a list of texts, and element %d is %s", i, describe(element))
			}
			texts[i] = s
		}
		return texts, nil
	}
	return nil, fmt.Errorf("join needs a list of texts, not %s", describe(value))
}

// replace replaces all of one text, or the first n.
func replace(params ...any) (any, error) {
	s, from, to, n := params[1].(string), params[2].(string), params[3].(string), -1
	if len(params) == 5 {
		n = params[4].(int)
	}
	count := strings.Count(s, from)
	if n >= 0 {
		count = min(count, n)
	}
	if err := params[0].(*meter).product(count, len(to)); err != nil {
		return nil, err
	}
	return strings.Replace(s, from, to, n), nil
}

// trim takes blanks off both ends, or the characters given.
func trim(params ...any) (any, error) {
	s := params[1].(string)
	if len(params) == 2 {
		return strings.TrimSpace(s), nil
	}
	cut := params[2].(string)
	if err := params[0].(*meter).product(len(s), len(cut)); err != nil {
		return nil, err
	}
	return strings.Trim(s, cut), nil
}

// fromJSON takes the place of expr's own, which loses the last digits of large
// integers: fromJSON(Message).id is as exact as id.
func fromJSON(params ...any) (any, error) {
	s := params[1].(string)
	if err := params[0].(*meter).take(len(s) / 8); err != nil {
		return nil, err
	}
	return readJSON([]byte(s), everything)
}
