package rules

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// An expression is one compiled piece of expr-lang: a condition or what stands
// between {{ and }}. It is immutable; any number of goroutines may evaluate it.
type expression struct {
	source  string
	program *vm.Program
	fields  fields // what it reads of the payload
}

// environment is what an expression can see. Everything else, the bare names of
// payload fields included, is rewritten to these two before compilation.
type environment struct {
	Payload any          `expr:"payload"`
	Request *requestView `expr:"request"`
	Meter   *meter       `expr:"$meter"` // nil: a new one for each expression
}

// expressionError is a mistake in an expression, with its place in the source.
type expressionError struct {
	line, col int // from 1, and from 0 in characters
	msg       string
}

func (e *expressionError) Error() string { return e.msg }

// compileExpression compiles source. A mistake is an *expressionError.
func compileExpression(source string) (*expression, error) {
	scan := &scanner{callees: map[*ast.IdentifierNode]bool{}, locals: map[string]bool{}, written: map[ast.Node]string{}}
	rewrite := &rewriter{scan: scan, paths: map[ast.Node][]string{}, became: map[ast.Node]ast.Node{}}
	program, err := expr.Compile(source, withFunctions, expr.Env(environment{}), expr.Patch(scan), expr.Patch(rewrite))
	if rewrite.err != nil {
		return nil, locate(source, rewrite.err)
	}
	if err != nil {
		return nil, locate(source, err)
	}
	return &expression{source: source, program: program, fields: rewrite.fields()}, nil
}

// mayBeBool is false for an expression that certainly gives something else. What
// a payload holds is only known when it is there.
func (e *expression) mayBeBool() bool {
	t := e.program.Node().Type()
	return t == nil || t.Kind() == reflect.Bool || t.Kind() == reflect.Interface
}

func locate(source string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &expressionError{line: 1, msg: err.Error()}
	}
	at.Bind(file.NewSource(source))
	msg := at.Message
	if strings.Contains(msg, `Operator("=")`) {
		msg += "; a comparison is written =="
	}
	return &expressionError{line: max(at.Line, 1), col: at.Column, msg: msg}
}

// eval returns the expression's value. The error says what could not be done,
// without the line and caret that expr draws below its messages.
func (e *expression) eval(env environment) (any, error) {
	if env.Meter == nil {
		env.Meter = &meter{}
	}
	value, err := expr.Run(e.program, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.source, plainError(err))
	}
	return value, nil
}

// maxError is how many bytes of an error are kept: expr quotes what it could not
// read, however long.
const maxError = 1_000

func plainError(err error) error {
	at, ok := errors.AsType[*file.Error](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, errTooMuch), at.Message == errTooMuchMemory:
		return errTooMuch
	case len(at.Message) > maxError:
		return errors.New(strings.ToValidUTF8(at.Message[:maxError], "") + "…")
	}
	return errors.New(at.Message)
}

// holds evaluates a condition. Anything but true or false is an error, save
// nil: a field that is missing does not fire and is no mistake.
func (e *expression) holds(env environment) (bool, error) {
	value, err := e.eval(env)
	if err != nil {
		return false, err
	}
	switch v := value.(type) {
	case bool:
		return v, nil
	case nil:
		return false, nil
	}
	return false, fmt.Errorf("%s: gives %s, and a condition must give true or false", e.source, describe(value))
}
