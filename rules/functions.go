package rules

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// A function is one of ours that an expression may call, beside expr's own. It
// is given the meter, then the payload if it reads of it, then its arguments.
type function struct {
	name  string
	types []any      // signatures, as expr wants them
	reads [][]string // of the payload
	texts int        // so many arguments, from the first on, must be texts
	call  func(params ...any) (any, error)

	// compile makes of an argument that is spelt out in the expression what the
	// function needs, once, so that a mistake in it is found when the file is
	// loaded. It is nil where an argument is taken as it is.
	compile func(argument int, literal string) (any, error)

	// What docs/reference.md says. Without a meaning it is expr's own, made safe.
	meaning string
	example Example
}

// An Example is an expression, a payload, and what the one makes of the other.
type Example struct{ Expression, Payload, Result string }

var functions = []*function{
	{
		name: "branch", reads: refPaths,
		types:   []any{new(func(*meter, any) any)},
		call:    func(params ...any) (any, error) { return pushed(params[0].(*meter), params[1], "heads") },
		meaning: "the branch that a push has put something on; `nil` for tags, for deletions and for what is no push",
		example: Example{`branch()`, `{"ref": "refs/heads/feature/x"}`, `feature/x`},
	},
	{
		name: "tag", reads: refPaths,
		types:   []any{new(func(*meter, any) any)},
		call:    func(params ...any) (any, error) { return pushed(params[0].(*meter), params[1], "tags") },
		meaning: "the same for a tag",
		example: Example{`tag()`, `{"ref": "refs/tags/v1.2.0"}`, `v1.2.0`},
	},
	{
		name: "touched", reads: filePaths, compile: compileTouched,
		types:   []any{new(func(*meter, any, any, ...any) bool)},
		call:    callTouched,
		meaning: "whether a push adds, modifies or removes a file that one of the globs takes; a later glob that begins with `!` excepts some again",
		example: Example{`touched("docs/**", "!**/*.png")`, `{"commits": [{"added": [], "modified": ["docs/a/b.md"], "removed": []}]}`, `true`},
	},
	{
		name: "glob", texts: 2, compile: compileGlobArgument,
		types:   []any{new(func(*meter, any, any) bool)},
		call:    callGlob,
		meaning: "whether a glob takes all of a text. `*` is any text without a slash, `**` any text, `**/` also nothing, `?` one character, `[a-z]` one of these, `[!a-z]` one of the others, `{a,b}` one or the other",
		example: Example{`glob("release/*", branch() ?? "")`, `{"ref": "refs/heads/release/2.x"}`, `true`},
	},
	{
		name: "semver", texts: 2, compile: compileConstraint,
		types:   []any{new(func(*meter, any, any) bool)},
		call:    callSemver,
		meaning: "whether a version (a leading `v` is fine) meets a constraint: `>=1.2 <2`, `~1.2`, `^2`, `1.x`, `<1 || >=3`. Pre-releases meet only constraints that name one, such as `>=1.2-0`",
		example: Example{`semver(tag(), ">=1.2 <2")`, `{"ref": "refs/tags/v1.10.3"}`, `true`},
	},
	{
		name: "ip_in", texts: 1, compile: compileNetwork,
		types:   []any{new(func(*meter, any, any, ...any) bool)},
		call:    callIPIn,
		meaning: "whether an address is one of the addresses or in one of the networks; `::ffff:10.0.0.1` is `10.0.0.1`",
		example: Example{`ip_in(client.ip, "10.0.0.0/8", "fd00::/8")`, `{"client": {"ip": "10.1.2.3"}}`, `true`},
	},
	// What follows takes the place of expr's own of the same name.
	{name: "fromJSON", texts: 1, types: []any{new(func(*meter, any) any)}, call: fromJSON},
	{name: "join", types: []any{new(func(*meter, any) string), new(func(*meter, any, string) string)}, call: join},
	{name: "repeat", types: []any{new(func(*meter, string, int) string)}, call: repeat},
	{name: "replace", types: []any{new(func(*meter, string, string, string) string), new(func(*meter, string, string, string, int) string)}, call: replace},
	{name: "trim", types: []any{new(func(*meter, string) string), new(func(*meter, string, string) string)}, call: trim},
}

// functionNames are the functions that an expression may call.
var functionNames = func() []string {
	names := slices.Clone(builtin.Names)
	for _, f := range functions {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}()

func functionNamed(name string) *function {
	for _, f := range functions {
		if f.name == name {
			return f
		}
	}
	return nil
}

// given is how many arguments the rewriter puts in front.
func (f *function) given() int {
	if f.reads == nil {
		return 1
	}
	return 2
}

// arguments checks how many there are, where expr would count those that the
// rewriter has put in front.
func (f *function) arguments(n int) error {
	if len(f.types) == 0 {
		return nil
	}
	least, most := math.MaxInt, 0
	for _, t := range f.types {
		signature := reflect.TypeOf(t).Elem()
		count := signature.NumIn() - f.given()
		least, most = min(least, count), max(most, count)
		if signature.IsVariadic() {
			least, most = count-1, math.MaxInt
		}
	}
	if n >= least && n <= most {
		return nil
	}
	takes := strconv.Itoa(least)
	switch {
	case most == math.MaxInt:
		takes += " or more"
	case most > least:
		takes += " to " + strconv.Itoa(most)
	}
	takes += " arguments"
	if f.example.Expression != "" {
		takes += ", as in " + f.example.Expression
	}
	return fmt.Errorf("%s is called with %d, but takes %s", f.name, n, takes)
}

// known are the functions and the guards as expr knows them.
var known = func() conf.FunctionsTable {
	c := conf.CreateNew()
	for _, option := range []expr.Option{
		expr.Function(getFunc, get),
		expr.Function(textFunc, text),
		expr.Function(boolFunc, boolean),
		expr.Function(anyFunc, present),
		expr.Function(listFunc, listed),
		expr.Function(matchesFunc, matches, new(func(*meter, any, any) bool)),
		expr.Function(turnFunc, turn),
		expr.Function(nowFunc, now, new(func(*requestView) time.Time)),
	} {
		option(c)
	}
	for _, f := range functions {
		expr.Function(f.name, f.call, f.types...)(c)
	}
	c.Functions[costFunc] = &builtin.Function{
		Name: costFunc, Func: cost, // its result has the type of the value
		Validate: func(args []reflect.Type) (reflect.Type, error) { return args[1], nil },
	}
	return c.Functions
}()

// now is when the request arrived, so that a condition comes to the same when it
// is asked again.
func now(params ...any) (any, error) {
	at := time.Now()
	if v, ok := params[0].(*requestView); ok && !v.request.ReceivedAt.IsZero() {
		at = v.request.ReceivedAt
	}
	return at.Round(0).UTC(), nil // the same spelling everywhere and ever
}

func withFunctions(c *conf.Config) { maps.Copy(c.Functions, known) }
