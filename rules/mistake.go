package rules

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// mistaken tells what is wrong with a scheme, each at the setting that says it.
func (p *proof) mistaken(err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		m, ok := errors.AsType[*verify.Mistake](err)
		if !ok {
			p.node.problem("%v", err)
			continue
		}
		if n, found := p.at(m.Setting); found {
			n.problem("%s", m.What)
		} else {
			n.problem("%v", m)
		}
	}
}

// shorthands are settings under whose names their owner may have written another.
var shorthands = map[string][]string{
	"signature": {""}, // encoding for signature.encoding
	"from":      {"header"},
	"token":     {"header", "query"},
}

// at finds the node of a setting of the scheme, such as "timestamp.from", or that
// of what is nearest to one that is not written.
func (p *proof) at(setting string) (n node, found bool) {
	n = settingsOf(p.node)[p.name]
	for step := range strings.SplitSeq(setting, ".") {
		below, ok := n.setting(step)
		for _, other := range shorthands[step] {
			if ok {
				break
			}
			if other == "" {
				below, ok = n, true
			} else {
				below, ok = n.setting(other)
			}
		}
		if !ok {
			return n, false
		}
		n = below
	}
	return n, true
}

// setting is the value of one in a mapping. A secret may stand for the mapping.
func (n node) setting(name string) (node, bool) {
	switch {
	case n.Kind == yaml.MappingNode:
		below, ok := settingsOf(n)[name]
		return below, ok
	case name == "secret" || name == "public_key":
		return n, true
	}
	return n, false
}
