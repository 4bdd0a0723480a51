package rules

import (
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// A belief is a proof at work: what makes a request genuine, and what of it counts
// then. It never changes.
type belief struct {
	verifier   *verify.Verifier
	receipt    *verify.Respond // what the provider wants to hear
	reading    reading
	believed   time.Duration // how long a signature is
	pathCounts bool
}

// believe puts a proof to work in a hook that says how its bodies are read. It
// returns nil if something is wrong, which is told.
func (c *compiler) believe(p *proof, said content) *belief {
	d := p.node.d
	from, common := p.text(said)
	if b := d.once.beliefs[from]; common && b != nil {
		return b
	}
	before := len(d.problems)
	p.readAs(said)
	verifier := c.compileProof(p)
	if verifier == nil {
		return nil
	}
	b := &belief{verifier, p.receipt(), p.reading(said), p.believed(), p.pathCounts()}
	if common && len(d.problems) == before {
		d.once.keepBelief(from, b)
	}
	return b
}

// text is what says all of a proof, if it is one that many hooks share: that of a
// provider with one secret and nothing else.
func (p *proof) text(said content) (t proofText, common bool) {
	if p.preset == "" || len(p.secrets) != 1 || len(p.params) > 0 || p.received {
		return proofText{}, false
	}
	return proofText{p.preset, p.scheme.Public, p.secrets[0], said}, true
}

// A proofText is what a belief comes from.
type proofText struct {
	preset string
	public bool
	secret verify.Secret
	said   content // of the hook, about its bodies
}

func (o *onceCompiled) keepBelief(from proofText, b *belief) {
	if o.beliefs == nil {
		o.beliefs = map[proofText]*belief{}
	}
	o.beliefs[from] = b
}
