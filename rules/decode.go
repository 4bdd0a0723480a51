package rules

import (
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// decoder collects what is wrong over all files, so that everything is told at
// once, and the secrets that were read on the way.
type decoder struct {
	problems Problems
	secrets  map[Reference]verify.Secret
	asked    map[Reference]bool // also those that could not be read
	literals []verify.Secret    // secrets as verify and notify have them, written out or put together

	places []string        // that can be told something, by their names under notify
	mails  map[string]bool // those that are mail, and whether they say to whom

	doubts Problems // warnings about schemes
	once   onceCompiled

	receiving []receiving // files that keep what a provider brings

	lenient bool                // a reference that cannot be read is no problem
	missing map[Reference]error // those, if lenient
	unread  []error             // the same in the order in which they were needed
}

// A node is one value in a file, together with where it stands: for people in
// the words of their file, for editors as line and column.
type node struct {
	*yaml.Node
	d     *decoder
	file  *source
	where string
	// example is how the setting is written; "" where that is no help.
	example string
}

// problem notes that something is wrong with the node.
func (n node) problem(format string, args ...any) {
	n.problemAt(n.Line, n.Column, format, args...)
}

func (n node) problemAt(line, col int, format string, args ...any) {
	if n.isUnread() {
		return // what it would be is not known
	}
	n.d.problems = append(n.d.problems, Problem{
		File: n.file.path, Line: line, Col: col, Where: n.where, What: fmt.Sprintf(format, args...),
	})
}

// child is a value below this one, reached by the key of that name.
func (n node) child(key, value *yaml.Node) node {
	n.Node, n.example = resolve(value), ""
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
	for key, value := range n.entries() {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.name == key.Value })
		if i < 0 {
			key.problem("unknown setting %q%s", key.Value, didYouMean(key.Value, settingNames(settings)))
			continue
		}
		settings[i].form.read(value)
	}
}

// entries ranges over the pairs of a mapping. The key is a node of its own, for
// messages. Merge keys (<<) are followed; what stands in the mapping itself wins.
func (n node) entries() func(yield func(key, value node) bool) {
	return func(yield func(key, value node) bool) {
		if n.Kind != yaml.MappingNode {
			n.problem("%s, but it must be a mapping%s", kindOf(n.Node), n.asIn(" (key: value)"))
			return
		}
		seen := map[string]int{}
		for _, pair := range n.pairs(nil) {
			key := n
			key.Node = pair.key
			if pair.key.Kind != yaml.ScalarNode {
				key.problem("a key must be a plain text")
				continue
			}
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

// pairs lists a mapping's own pairs first, then those that << brings. A mapping
// that came already brings nothing new, so each comes once, and an anchor that
// merges itself ends. came is nil until something is merged.
func (n node) pairs(came map[*yaml.Node]bool) []pair {
	if came != nil {
		came[n.Node] = true
	}
	own := make([]pair, 0, len(n.Content)/2)
	var merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag != "!!merge" {
			own = append(own, pair{key: key, value: value})
			continue
		}
		if came == nil {
			came = map[*yaml.Node]bool{n.Node: true}
		}
		merged = append(merged, n.child(key, value).merge(came)...)
	}
	for i := range merged {
		merged[i].merged = true
	}
	return append(own, merged...)
}

// merge lists what the value of << brings: the pairs of a mapping, or of a list
// of mappings.
func (n node) merge(came map[*yaml.Node]bool) []pair {
	from := []node{n}
	if n.Kind == yaml.SequenceNode {
		from = n.list()
	}
	var brought []pair
	for _, m := range from {
		switch {
		case m.Kind != yaml.MappingNode:
			m.problem("%s, but only mappings can be merged", kindOf(m.Node))
		case !came[m.Node]:
			brought = append(brought, m.pairs(came)...)
		}
	}
	return brought
}

// list returns the elements of a list.
func (n node) list() []node {
	if n.Kind != yaml.SequenceNode {
		n.problem("%s, but it must be a list%s", kindOf(n.Node), n.asIn(""))
		return nil
	}
	elements := make([]node, len(n.Content))
	for i, c := range n.Content {
		elements[i] = n
		elements[i].Node, elements[i].example = resolve(c), ""
	}
	return elements
}

// asIn ends a message with what to write, or with something else where there is no
// example.
func (n node) asIn(otherwise string) string {
	if n.example == "" {
		return otherwise
	}
	return ", as in " + n.example
}

// problemIn notes a mistake inside the node's text, at its place in the file.
func (n node) problemIn(err error) {
	line, col := n.Line, n.Column
	if at, ok := errors.AsType[*expressionError](err); ok {
		line, col = n.file.position(n.Node, at.line, at.col)
	}
	n.problemAt(line, col, "%v", err)
}

// problemBehind notes a mistake behind the first part of the node's text.
func (n node) problemBehind(before, format string, args ...any) {
	n.problemIn(shift(&expressionError{line: 1, msg: fmt.Sprintf(format, args...)}, before))
}

// read resolves a reference and remembers what it stands for.
func (n node) read(ref Reference) verify.Secret {
	n.d.asked[ref] = true
	if secret, ok := n.d.secrets[ref]; ok {
		return secret
	}
	secret, err := ref.Read()
	if err != nil && n.d.lenient {
		return n.d.standIn(ref, err)
	}
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
