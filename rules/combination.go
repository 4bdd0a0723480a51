package rules

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// How several schemes stand together in verify.
const (
	anyOf = "any"
	allOf = "all"
)

// readMembers reads the list of any or all. Each element is what verify takes,
// other lists included, but for none.
func (p *proof) readMembers(n node) {
	elements := n.list()
	if n.Kind == yaml.SequenceNode && len(elements) == 0 {
		n.problem("is an empty list; without a scheme nobody can prove anything")
	}
	for _, e := range elements {
		if e.Kind == yaml.ScalarNode && e.Value == "none" {
			e.problem("none is no proof: among any it would let everyone in, and among all it would say nothing; leave it out")
			continue
		}
		if member := readScheme(e); member != nil {
			p.members = append(p.members, member)
		}
	}
}

// compileMembers returns nil if something is wrong with one of them.
func (c *compiler) compileMembers(p *proof) *verify.Verifier {
	members := make([]verify.Member, 0, len(p.members))
	for _, m := range p.members {
		if verifier := c.compileProof(m); verifier != nil {
			members = append(members, verify.Member{Name: m.name, Verifier: verifier})
		}
	}
	switch {
	case len(members) < len(p.members):
		return nil
	case p.name == anyOf:
		return verify.Any(members...)
	}
	return verify.All(members...)
}

// each lists the schemes of a proof, those of its members' members included.
func (p *proof) each() []*proof {
	if p.members == nil {
		return []*proof{p}
	}
	var all []*proof
	for _, m := range p.members {
		all = append(all, m.each()...)
	}
	return all
}

// receipt is what the first provider that does insists on.
func (p *proof) receipt() *verify.Respond {
	for _, one := range p.each() {
		if one.scheme.Respond != nil {
			return one.scheme.Respond
		}
	}
	return nil
}

// content is how the body is read, if all schemes agree on it.
func (p *proof) content() content {
	all := p.each()
	first := all[0].scheme.Content
	if slices.ContainsFunc(all, func(one *proof) bool { return one.scheme.Content != first }) {
		return contentAuto
	}
	return content(first)
}

// believed is the longest time for which one of the schemes believes a signature.
func (p *proof) believed() (longest time.Duration) {
	for _, one := range p.each() {
		longest = max(longest, one.scheme.Believed())
	}
	return longest
}

// formField is the form field in which the first provider that does sends JSON.
func (p *proof) formField() string {
	for _, one := range p.each() {
		for kind := range strings.SplitSeq(one.scheme.Content, "|") {
			if field, ok := strings.CutPrefix(kind, "form:"); ok {
				return field
			}
		}
	}
	return ""
}

// membersSchema refers to the schemes, which may hold such lists themselves.
func membersSchema() *schema { return listOf(&schema{Ref: "#/$defs/scheme"}) }
