package rules

import (
	"fmt"
	"reflect"
)

// maxSteps bounds the work of one expression. A step is one turn of a loop, one
// element of a list or an object that an operation goes through, or 64 bytes of
// text: about a tenth of a microsecond. So no payload can keep the server busy
// with a condition that is quick for other payloads.
const maxSteps = 1_000_000

// textStep is how many bytes of text are a step.
const textStep = 64

var errTooMuch = fmt.Errorf("took more than %d steps; a step is an element that is looked at or %d bytes of text. Name a smaller part of the payload, or nest no loops", maxSteps, textStep)

// errTooMuchMemory is what expr says of a list that would grow too long.
const errTooMuchMemory = "memory budget exceeded"

// A meter counts the steps of one expression while it is evaluated.
type meter struct{ steps int }

// take counts n steps more. It is asked before the work is done.
func (m *meter) take(n int) error {
	if n > maxSteps-m.steps {
		m.steps = maxSteps
		return errTooMuch
	}
	m.steps += n
	return nil
}

// turn counts one turn of a loop: turn(meter). The rewriter puts it in front of
// every predicate.
func turn(params ...any) (any, error) {
	return nil, params[0].(*meter).take(1)
}

// cost counts what an operation on a value takes: cost(meter, value, price) is
// the value.
func cost(params ...any) (any, error) {
	return params[1], params[0].(*meter).take(prices[params[2].(string)](params[1]))
}

// The prices of operations, in steps.
const (
	none   = "none"   // takes the same time whatever the value
	flat   = "flat"   // looks at the value itself: the bytes of a text, the elements of a list
	deep   = "deep"   // looks at all that is in it, too
	sorted = "sorted" // compares each with some others
	pairs  = "pairs"  // compares each with each other
	pieces = "pieces" // makes more of a text than it was
	zone   = "zone"   // reads the file of a time zone
)

var prices = map[string]func(any) int{
	none:   func(any) int { return 0 },
	flat:   length,
	deep:   func(v any) int { return size(v, 0) },
	sorted: func(v any) int { return 20 * size(v, 0) }, // 20 is the logarithm of maxSteps
	pairs:  func(v any) int { return size(v, 0) * (1 + length(v)/8) },
	pieces: func(v any) int { return 16 * size(v, 0) },
	zone:   func(any) int { return 300 },
}

// builtinPrices are those of expr's own functions that do more with an argument
// than look at it.
var builtinPrices = map[string]string{
	"flatten": deep, "max": deep, "min": deep, "mean": deep, "median": deep,
	"string": deep, "toJSON": deep,
	"sort": sorted, "sortBy": sorted, "groupBy": sorted, "uniq": pairs, "split": pieces, "splitAfter": pieces,
}

// length is the size of a value without what is in it.
func length(value any) int {
	switch v := value.(type) {
	case nil, bool, int, float64:
		return 0
	case string:
		return len(v) / textStep
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len()
	}
	return 0
}

// size is the size of a value with all that is in it. Deeply nested ones count
// for more, because they are copied, or set in, once for each level. Nothing is
// counted beyond maxSteps.
func size(value any, depth int) int {
	total := length(value)
	add := func(element any) bool {
		total += depth/4 + size(element, depth+1)
		return total <= maxSteps
	}
	switch v := value.(type) {
	case nil, bool, int, float64, string:
	case []any:
		for _, element := range v {
			if !add(element) {
				break
			}
		}
	case map[string]any:
		for name, element := range v {
			if total += len(name) / textStep; !add(element) {
				break
			}
		}
	default:
		sizeOther(reflect.ValueOf(value), add)
	}
	return min(total, maxSteps+1)
}

// sizeOther is for the lists and maps that expr's own functions make.
func sizeOther(value reflect.Value, add func(any) bool) {
	switch value.Kind() {
	case reflect.Slice:
		for i := 0; i < value.Len() && add(value.Index(i).Interface()); i++ {
			continue
		}
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			if !add(entries.Key().Interface()) || !add(entries.Value().Interface()) {
				return
			}
		}
	}
}

// product counts a × b bytes of text.
func (m *meter) product(a, b int) error {
	if a > 0 && b > maxSteps*textStep/a {
		return m.take(maxSteps + 1)
	}
	return m.take(a * b / textStep)
}
