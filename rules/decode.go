package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// decoder collects what is wrong over all files, so that everything is told at
// once, and the secrets that were read on the way.
type decoder struct {
	problems Problems
	secrets  map[Reference]verify.Secret
}

// A node is one value in a file, together with where it stands: for people in
// the words of their file, for editors as line and column.
type node struct {
	*yaml.Node
	d      *decoder
	file   *source
	where  string
	before *yaml.Node // the key in front of it, which has a position even when the value is empty
}

// A setting is one key of a mapping: its name and what to do with its value.
type setting struct {
	name string
	read func(node)
}

// problem notes that something is wrong with the node.
func (n node) problem(format string, args ...any) {
	n.problemAt(n.Line, n.Column, format, args...)
}

func (n node) problemAt(line, col int, format string, args ...any) {
	if line == 0 && n.before != nil {
		line, col = n.before.Line, n.before.Column
	}
	n.d.problems = append(n.d.problems, Problem{
		File: n.file.path, Line: line, Col: col, Where: n.where, What: fmt.Sprintf(format, args...),
	})
}

// child is a value below this one, reached by the key of that name.
func (n node) child(key, value *yaml.Node) node {
	n.Node, n.before = resolve(value), key
	if n.where == "" {
		n.where = key.Value
	} else {
		n.where += ": " + key.Value
	}
	return n
}

// in gives the node another name in messages: hook "/deploy", rule "redeploy".
func (n node) in(where string) node {
	n.where = where
	return n
}

// resolve follows aliases to what they stand for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mapping reads a mapping strictly: a key that is not among the settings, or
// that stands there twice, is a problem.
func (n node) mapping(settings ...setting) {
	byName := make(map[string]setting, len(settings))
	for _, s := range settings {
		byName[s.name] = s
	}
	for key, value := range n.entries() {
		s, known := byName[key.Value]
		if !known {
			key.problem("unknown setting %q%s", key.Value, didYouMean(key.Value, slices.Collect(maps.Keys(byName))))
			continue
		}
		s.read(value)
	}
}

// entries ranges over the pairs of a mapping. The key is a node of its own, for
// messages. Merge keys (<<) are followed; what stands in the mapping itself wins.
func (n node) entries() func(yield func(key, value node) bool) {
	return func(yield func(key, value node) bool) {
		if n.Kind != yaml.MappingNode {
			n.problem("%s, but it must be a mapping (key: value)", kindOf(n.Node))
			return
		}
		seen := map[string]int{}
		for _, pair := range pairs(n.Node, 0) {
			key := n
			key.Node, key.before = pair.key, nil
			if line, twice := seen[pair.key.Value]; twice {
				if !pair.merged {
					key.problem("%q stands here twice, first in line %d", pair.key.Value, line)
				}
				continue
			}
			seen[pair.key.Value] = pair.key.Line
			if !yield(key, n.child(pair.key, pair.value)) {
				return
			}
		}
	}
}

type pair struct {
	key, value *yaml.Node
	merged     bool
}

// maxMerges bounds how deep << may nest; a file of people stays at one or two,
// and an anchor that merges itself never ends.
const maxMerges = 10

// pairs lists a mapping's own pairs first, then those that << brings.
func pairs(n *yaml.Node, depth int) []pair {
	var own, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if key.Tag != "!!merge" {
			own = append(own, pair{key: key, value: n.Content[i+1]})
			continue
		}
		from := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			from = value.Content
		}
		for _, m := range from {
			if m = resolve(m); m.Kind == yaml.MappingNode && depth < maxMerges {
				merged = append(merged, pairs(m, depth+1)...)
			}
		}
	}
	for i := range merged {
		merged[i].merged = true
	}
	return append(own, merged...)
}

// list returns the elements of a list.
func (n node) list() []node {
	if n.Kind != yaml.SequenceNode {
		n.problem("%s, but it must be a list", kindOf(n.Node))
		return nil
	}
	elements := make([]node, len(n.Content))
	for i, c := range n.Content {
		elements[i] = n
		elements[i].Node, elements[i].before = resolve(c), nil
	}
	return elements
}

// scalar returns the text of a value as written, which makes 5 and true good
// texts too. Nothing at all is a problem.
func (n node) scalar() (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		n.problem("%s, but it must be a single value", kindOf(n.Node))
	case n.Tag == "!!null" || n.Value == "":
		n.problem("is empty")
	default:
		return n.Value, true
	}
	return "", false
}

// one reads a text that must be one of a few.
func (n node) one(of ...string) string {
	s, ok := n.scalar()
	if ok && !slices.Contains(of, s) {
		n.problem("%q is not one of %s", s, strings.Join(of, ", "))
	}
	return s
}

func (n node) boolean() bool {
	s, ok := n.scalar()
	b, err := strconv.ParseBool(s)
	if ok && (err != nil || n.Tag != "!!bool") {
		n.problem("%q is neither true nor false", s)
	}
	return b
}

func (n node) count() int {
	s, ok := n.scalar()
	i, err := strconv.Atoi(s)
	if ok && (err != nil || i < 1) {
		n.problem("%q is not a number from 1 on", s)
	}
	return i
}

// duration reads 90s, 10m, 1h30m, 30d. It has to be more than nothing.
func (n node) duration() Duration {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	d, err := parseDuration(s)
	if err != nil || d <= 0 {
		n.problem("%q is not a duration; write 30s, 10m, 1h30m or 30d", s)
	}
	return Duration(d)
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// size reads 25MiB, 500KB or a plain number of bytes.
func (n node) size() int64 {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	for _, unit := range sizeUnits {
		digits, found := strings.CutSuffix(s, unit.suffix)
		if !found {
			continue
		}
		if v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32); err == nil && v > 0 {
			return v * unit.bytes
		}
		break
	}
	n.problem("%q is not a size; write 512KiB, 25MiB or 2GiB", s)
	return 0
}

// plain reads a setting of the machine: references in it are read at once.
func (n node) plain() string {
	s, ok := n.scalar()
	if !ok {
		return ""
	}
	text, err := parseReferences(s, n.file.folder())
	if err != nil {
		n.problem("%v", err)
		return ""
	}
	var b strings.Builder
	for _, part := range text {
		b.WriteString(part.Literal)
		if part.Ref != "" {
			b.WriteString(n.read(part.Ref).Reveal())
		}
	}
	return b.String()
}

// secret reads a secret, mostly a reference. An empty one is a problem.
func (n node) secret() verify.Secret {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "") {
		n.problem("the secret is empty; an empty secret would let everything in")
		return ""
	}
	return verify.Secret(n.plain())
}

// value reads a string that may hold {{ expressions }} and ${references}.
func (n node) value() value {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "" {
		return value{} // env may set a variable to nothing
	}
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	v, err := compileValue(s, n.file.folder())
	if err != nil {
		n.problemIn(err)
		return nil
	}
	for _, ref := range v.references() {
		n.read(ref)
	}
	return v
}

// condition reads an expression that must give true or false.
func (n node) condition() *expression {
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	if strings.Contains(s, "{{") {
		n.problem("a condition is an expression already; write it without {{ }}")
		return nil
	}
	compiled, err := compileExpression(s)
	if err != nil {
		n.problemIn(err)
		return nil
	}
	return compiled
}

// problemIn notes a mistake inside the node's text, at its place in the file.
func (n node) problemIn(err error) {
	line, col := n.Line, n.Column
	if at, ok := err.(*expressionError); ok {
		line, col = n.file.position(n.Node, at.line, at.col)
	}
	n.problemAt(line, col, "%v", err)
}

// read resolves a reference and remembers what it stands for.
func (n node) read(ref Reference) verify.Secret {
	if secret, ok := n.d.secrets[ref]; ok {
		return secret
	}
	secret, err := ref.Read()
	if err != nil {
		n.problem("%v", err)
		return ""
	}
	n.d.secrets[ref] = secret
	return secret
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "is a mapping"
	case yaml.SequenceNode:
		return "is a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" || n.Value == "" {
			return "is empty"
		}
		return fmt.Sprintf("is %q", n.Value)
	}
	return "is empty"
}
