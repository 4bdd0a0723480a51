package rules

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"
)

// The functions that the rewriter puts into expressions. Written by hand they
// are refused as unknown.
const (
	getFunc  = "$get"
	textFunc = "$text"
	boolFunc = "$bool"
	anyFunc  = "$any"
	nowFunc  = "$now"
)

// functionNames are the functions that an expression may call.
var functionNames = builtin.Names

// now is when the request arrived, so that a condition comes to the same when it
// is asked again.
func now(params ...any) (any, error) {
	if v, ok := params[0].(*requestView); ok && !v.request.ReceivedAt.IsZero() {
		return v.request.ReceivedAt, nil
	}
	return time.Now(), nil
}

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
		return nil, fmt.Errorf("%s has no field %v", describe(value), key)
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

// text guards the operands of matches, contains, startsWith and endsWith:
// text(value, operator, source) is the value if it is a string.
func text(params ...any) (any, error) {
	switch v := params[0].(type) {
	case string, []byte:
		return v, nil
	case nil:
		return nil, fmt.Errorf("%s is missing, and %s needs a text; (%s ?? \"\") stands for an empty one", params[2], params[1], params[2])
	}
	return nil, fmt.Errorf("%s is %s, and %s needs a text", params[2], describe(params[0]), params[1])
}

// fromJSON takes the place of expr's own, which loses the last digits of large
// integers: fromJSON(Message).id is as exact as id.
func fromJSON(params ...any) (any, error) {
	s, ok := params[0].(string)
	if !ok {
		return nil, fmt.Errorf("fromJSON needs a text, not %s", describe(params[0]))
	}
	return readJSON([]byte(s), everything)
}

// present guards the right side of in: present(value, operator, source) is the
// value if there is one. expr lets nothing be in nil, which fails open behind a
// not.
func present(params ...any) (any, error) {
	if params[0] == nil {
		return nil, fmt.Errorf("%s is missing, and %s needs a list or an object; (%s ?? []) stands for an empty one", params[2], params[1], params[2])
	}
	return params[0], nil
}

// boolean guards the operands of !, && and ||: boolean(value, operator, source) is
// the value if it is true or false.
func boolean(params ...any) (any, error) {
	switch v := params[0].(type) {
	case bool:
		return v, nil
	case nil:
		return nil, fmt.Errorf("%s is missing, and %s needs true or false; (%s ?? false) stands for false", params[2], params[1], params[2])
	}
	return nil, fmt.Errorf("%s is %s, and %s needs true or false", params[2], describe(params[0]), params[1])
}

// describe names a value for an error message, without showing much of it.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case string:
		if len(v) > 40 {
			v = strings.ToValidUTF8(v[:40], "") + "…"
		}
		return fmt.Sprintf("the text %q", v)
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
