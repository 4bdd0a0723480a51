package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/parser"
)

// A Trace says of a condition, or of a part of one, what it came to and of what.
type Trace struct {
	Text   string   `json:"text"`            // as the file has it
	Result Result   `json:"result"`          //
	Value  string   `json:"value,omitempty"` // as JSON, of a Valued part; cut after some 120 characters
	Note   string   `json:"note,omitempty"`  // why it is in error, missing or not asked
	Parts  []*Trace `json:"parts,omitempty"` // in the order in which they stand there
}

// A Result says what a part of a condition came to.
type Result string

const (
	// True and False: of a condition, a comparison, or an operand of && || and !.
	True  Result = "true"
	False Result = "false"
	// Valued: it is no condition but has a value, such as a field that is compared.
	Valued Result = "value"
	// Missing: there is no such field, which counts as nil.
	Missing Result = "missing"
	// Failed: it could not be evaluated.
	Failed Result = "error"
	// NotAsked: what was asked before it had decided already.
	NotAsked Result = "not_asked"
)

// maxParts bounds how much is said of one condition.
const maxParts = 200

// A tracer evaluates a condition again, each of its parts by itself and in the
// same environment, to say what they came to. It walks the tree of what the user
// wrote; each part is compiled from its text as the whole condition was, so that
// it means the same.
type tracer struct {
	env    environment
	source *spans
	lets   string // the declarations around the part, to stand in front of it
	locals []string
	left   int // so many parts may still be said
}

// trace says what the condition comes to. Its result is that of holds.
func (e *expression) trace(env environment) *Trace {
	whole := &Trace{Text: strings.TrimSpace(e.source)}
	matched, err := e.holds(env)
	whole.conclude(matched, err)
	tree, parseErr := parser.Parse(e.source)
	source, lexErr := newSpans(e.source)
	if parseErr != nil || lexErr != nil {
		return whole // it has been compiled, so this does not happen
	}
	t := &tracer{env: env, source: source, left: maxParts}
	root := t.condition(tree.Node)
	whole.Parts = root.Parts
	if root.Result == Valued || root.Result == Missing { // a field alone, which holds judged
		whole.Parts = []*Trace{root}
	}
	if err != nil {
		whole.blame(message(e.source, err))
	}
	return whole
}

func (always) trace(environment) *Trace { return &Trace{Result: True, Note: "there is no condition"} }

func (p *Trace) conclude(matched bool, err error) {
	switch {
	case err != nil:
		p.Result = Failed
	case matched:
		p.Result = True
	default:
		p.Result = False
	}
}

// blame notes an error where it arose: a part that says it need not be repeated.
func (p *Trace) blame(msg string) {
	p.Result = Failed
	if !slices.ContainsFunc(p.Parts, func(part *Trace) bool { return part.Result == Failed }) {
		p.Note = msg
	}
}

// message is an error without the source that eval puts in front.
func message(source string, err error) string {
	return strings.TrimPrefix(err.Error(), source+": ")
}
