package verify

import (
	"cmp"
	"errors"
)

// signed is the proof of every scheme in which a message and its signature
// belong together, whatever the kind of key.
type signed struct {
	field  signatureField
	body   *template // the message
	form   *template // the message of a form-encoded body; nil if there is no difference
	shapes []shape
	clock  *clock // nil without a timestamp
	keys   []key
}

func (p *signed) verify(r *Request) error {
	e, claimed, err := p.field.read(r)
	if err != nil {
		return err
	}
	t := p.template(r)
	if t.fields && len(r.Body) > 0 && !isForm(r) {
		return reject("the body is not read as the form that is signed: its Content-Type is not %s", urlencoded)
	}
	if err := p.match(message{t, e}, claimed); err != nil {
		return err
	}
	for _, s := range p.shapes {
		if err := s.check(e); err != nil {
			return err
		}
	}
	return p.clock.check(e)
}

func (p *signed) match(m message, claimed [][]byte) error {
	for _, k := range p.keys {
		ok, err := k.matches(m, claimed)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
	}
	return reject("signature does not match")
}

func (p *signed) sign(r *Request) error {
	if len(p.keys) == 0 {
		return errors.New("the key cannot be read here, and only its owner can sign")
	}
	list, err := p.clock.stamp(r, p.field.sep, p.field.kv)
	if err != nil {
		return err
	}
	sum, err := p.keys[0].sign(message{p.template(r), evidence{r, list}})
	if err != nil {
		return err
	}
	return p.field.write(r, list, sum)
}

func (p *signed) template(r *Request) *template {
	if p.form != nil && isForm(r) {
		return p.form
	}
	return p.body
}

func (p *signed) places() sources { return p.field.from }

func (p *signed) secrets() sources { return nil }

// compileHMAC is type "hmac".
func compileHMAC(c *compiler) proof {
	return c.signed(c.digests(newHMACKey(c.algorithm())))
}

// compileHash is type "hash": a plain digest of a message with the secret in
// it. It is weaker than an HMAC and exists because providers use it.
func compileHash(c *compiler) proof {
	p := c.signed(c.digests(newHashKey(c.algorithm())))
	for _, t := range []*template{p.body, p.form} {
		if t != nil && !t.uses("secret") {
			c.failf("signed", "a hash without the secret proves nothing; write {secret} where the provider puts it")
		}
	}
	return p
}

// signed compiles all that schemes with signatures share.
func (c *compiler) signed(keys func() []key) *signed {
	c.unused("token", len(c.scheme.Token) > 0)
	c.unused("jwt", c.scheme.JWT != nil)
	if c.scheme.Prefix != "" {
		c.failf("prefix", "belongs to a token; write it as signature.prefix")
	}
	p := &signed{field: c.signatureField(), clock: c.clock(), shapes: c.shapes()}
	p.body = c.message("signed", cmp.Or(c.scheme.Signed, "{body}"))
	p.body.fields = c.scheme.signedFields(c.scheme.Signed) != nil
	if c.scheme.SignedForm != "" {
		p.form = c.message("signed_form", c.scheme.SignedForm)
		p.form.fields = c.scheme.signedFields(c.scheme.SignedForm) != nil
	}
	p.keys = keys()
	return p
}

// digests are the keys of a scheme whose secrets both sides know.
func (c *compiler) digests(newKey func(secret []byte) key) func() []key {
	return func() (keys []key) {
		for _, secret := range c.keys() {
			keys = append(keys, newKey(secret))
		}
		return keys
	}
}
