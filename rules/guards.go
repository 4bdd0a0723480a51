package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm/runtime"
)

// The functions and the variable that the rewriter puts into expressions. Written
// by hand they are refused as unknown.
const (
	getFunc     = "$get"
	textFunc    = "$text"
	boolFunc    = "$bool"
	anyFunc     = "$any"
	listFunc    = "$list"
	matchesFunc = "$matches"
	turnFunc    = "$turn"
	costFunc    = "$cost"
	nowFunc     = "$now"

	meterName = "$meter"
)

// get follows a path: get(base, key, key, …). What is missing on the way is
// nil: a field, an index beyond the end, anything below nil. Taking a field of
// a text or a number is an error, because no payload makes that true.
func get(params ...any) (any, error) {
	value := params[0]
	for _, key := range params[1:] {
		var err error
		if value, err = step(value, key); err != nil || value == nil {
			return nil, err
		}
	}
	return value, nil
}

func step(value, key any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("an object's field needs a name, not %s", describe(key))
		}
		return v[name], nil
	case []any:
		return element(v, key)
	case *requestView:
		return v.field(key)
	case header:
		return v.get(key)
	case string, int, float64, bool:
		return nil, fmt.Errorf("%s has no field %v", describe(value), brief(key))
	}
	return fetch(value, key)
}

func element(list []any, key any) (any, error) {
	i, ok := key.(int)
	if !ok {
		return nil, fmt.Errorf("a list's element needs a number, not %s", describe(key))
	}
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, nil
	}
	return list[i], nil
}

// fetch is for the values that expr's own functions make, such as split's and
// groupBy's.
func fetch(value, key any) (result any, err error) {
	if list := reflect.ValueOf(value); list.Kind() == reflect.Slice {
		if i, ok := key.(int); ok && (i >= list.Len() || i < -list.Len()) {
			return nil, nil
		}
	}
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("%v", p)
		}
	}()
	return runtime.Fetch(value, key), nil
}

// text guards what must be a text: text(meter, value, user, source, price) is the
// value if it is one. user is the operator or the function that needs it, price
// the steps for each 64 bytes.
func text(params ...any) (any, error) {
	user, source := params[2], params[3]
	size := 0
	switch v := params[1].(type) {
	case string:
		size = len(v)
	case []byte:
		size = len(v)
	case nil:
		if slices.Contains(textOperators, user.(string)) {
			return nil, fmt.Errorf("%s is missing, and %s needs a text; (%s ?? \"\") stands for an empty one", source, user, source)
		}
		return nil, fmt.Errorf("%s is missing, and %s needs a text", source, user)
	default:
		return nil, fmt.Errorf("%s is %s, and %s needs a text", source, describe(v), user)
	}
	return params[1], params[0].(*meter).take(matchPrice(size, params[4].(int)))
}

// present guards the right side of in: present(meter, value, operator, source) is
// the value if there is one. expr lets nothing be in nil, which fails open behind
// a not.
func present(params ...any) (any, error) {
	if params[1] == nil {
		return nil, fmt.Errorf("%s is missing, and %s needs a list or an object; (%s ?? []) stands for an empty one", params[3], params[2], params[3])
	}
	price := deep
	if _, isObject := params[1].(map[string]any); isObject {
		price = none // a look-up
	}
	return cost(params[0], params[1], price)
}

// listed guards what functions go through: listed(meter, value, function, source)
// is the value if there is one.
func listed(params ...any) (any, error) {
	if params[1] != nil {
		return params[1], nil
	}
	if params[2] == "len" {
		return nil, fmt.Errorf("%s is missing, and len needs a list or a text; (%s ?? []) stands for an empty one", params[3], params[3])
	}
	return nil, fmt.Errorf("%s is missing, and %s needs a list; (%s ?? []) stands for an empty one", params[3], params[2], params[3])
}

// boolean guards the operands of !, && and ||: boolean(meter, value, operator,
// source) is the value if it is true or false.
func boolean(params ...any) (any, error) {
	switch v := params[1].(type) {
	case bool:
		return v, nil
	case nil:
		return nil, fmt.Errorf("%s is missing, and %s needs true or false; (%s ?? false) stands for false", params[3], params[2], params[3])
	}
	return nil, fmt.Errorf("%s is %s, and %s needs true or false", params[3], describe(params[1]), params[2])
}

// brief cuts what a payload may have made long.
func brief(value any) any {
	if s, ok := value.(string); ok && len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return value
}

// describe names a value for an error message, without showing much of it.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("the text %q", brief(v))
	case int, float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprintf("%v", v)
	case []any:
		return "a list"
	case map[string]any, header:
		return "an object"
	}
	return fmt.Sprintf("a %T", value)
}
