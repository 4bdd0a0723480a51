package rules

import (
	"reflect"
	"slices"
	"strings"
)

// excludes tells that two claims about one term cannot both hold, neither of
// which names the values: bounds that do not meet, beginnings of which neither
// begins the other, and a claim with its contrary.
func (c claim) excludes(other claim) bool {
	if c.op == other.op && c.not != other.not && reflect.DeepEqual(c.values, other.values) {
		return true
	}
	if c.not && !slices.Contains(orders, c.op) || other.not && !slices.Contains(orders, other.op) {
		return false
	}
	switch {
	case c.op == "startsWith" && other.op == c.op:
		return apart(c, other, strings.HasPrefix)
	case c.op == "endsWith" && other.op == c.op:
		return apart(c, other, strings.HasSuffix)
	case slices.Contains(orders, c.op) && slices.Contains(orders, other.op):
		return c.above(other) || other.above(c)
	}
	return false
}

// apart tells that neither text holds the other at its end.
func apart(a, b claim, holds func(s, part string) bool) bool {
	s, sok := a.values[0].(string)
	t, tok := b.values[0].(string)
	return sok && tok && !holds(s, t) && !holds(t, s)
}

// contrary is the order that holds where the other does not.
var contrary = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<"}

func (c claim) order() string {
	if c.not {
		return contrary[c.op]
	}
	return c.op
}

// above tells that a lower bound lies above an upper one.
func (c claim) above(upper claim) bool {
	low, high := c.order(), upper.order()
	if low[0] != '>' || high[0] != '<' {
		return false
	}
	order, known := compareValues(c.values[0], upper.values[0])
	return known && (order > 0 || order == 0 && (low == ">" || high == "<"))
}
