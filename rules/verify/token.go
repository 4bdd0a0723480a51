package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// token is the proof of a sender that repeats a secret with each request. It
// says nothing about the body, and whoever sees one request can send another.
type token struct {
	from    sources
	prefix  string
	decode  func(string) ([]byte, error)
	digests [][sha256.Size]byte // of all that is accepted
	text    func() string       // what Sign writes
}

func (p *token) verify(r *Request) error {
	value, err := p.from.require(evidence{Request: r})
	if err != nil {
		return err
	}
	value, ok := cutKeyword(value, p.prefix)
	if !ok {
		return reject("%s does not start with %q", p.from, p.prefix)
	}
	given, err := p.decode(value)
	if err != nil {
		return reject("%s cannot be read", p.from)
	}
	if len(given) == 0 || !p.accepts(given) {
		return reject("%s does not match", p.from)
	}
	return nil
}

// accepts compares digests, whose length says nothing about the secret's, and
// compares all of them, so that the time taken says nothing about which.
func (p *token) accepts(given []byte) bool {
	sum, found := sha256.Sum256(given), 0
	for i := range p.digests {
		found |= subtle.ConstantTimeCompare(sum[:], p.digests[i][:])
	}
	return found == 1
}

func (p *token) sign(r *Request) error { return p.from[0].set(r, p.prefix+p.text()) }

func (p *token) places() sources { return p.from }

func (p *token) secrets() sources { return p.from }

// accept takes a secret, and how it is spelt in a request.
func (p *token) accept(secret, spelt string) {
	p.digests = append(p.digests, sha256.Sum256([]byte(secret)))
	if p.text == nil {
		p.text = hide(spelt)
	}
}

// cutKeyword removes a word like "Bearer " in any case (RFC 9110, section
// 11.1). Without the word there is no token.
func cutKeyword(value, keyword string) (string, bool) {
	if len(value) < len(keyword) || !strings.EqualFold(value[:len(keyword)], keyword) {
		return "", false
	}
	return value[len(keyword):], true
}

func plain(text string) ([]byte, error) { return []byte(text), nil }

// compileToken is type "token": RFC 6750 bearer tokens, and the headers and
// query parameters that providers have instead.
func compileToken(c *compiler) proof {
	c.unusedSignature()
	p := &token{from: c.sources("token", c.scheme.Token), prefix: c.scheme.Prefix, decode: plain}
	if len(c.scheme.Token) == 0 {
		c.failf("token", "missing; write where the token stands, for example header:X-Token or query:auth")
	}
	for _, s := range p.from {
		if s.kind != inHeader && s.kind != inQuery {
			c.failf("token", "%s would be stored with the body; write header:NAME or query:NAME", s)
		}
	}
	for _, secret := range c.secrets {
		p.accept(secret.Reveal(), secret.Reveal())
	}
	return p
}

// compileBasic is type "basic": HTTP Basic (RFC 7617). The secrets are
// passwords, all of the one user.
func compileBasic(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	c.unused("prefix", c.scheme.Prefix != "")
	user := c.params["user"]
	if user == "" || strings.Contains(user, ":") {
		c.failf("user", "basic needs a user, without a colon; write basic: {user: …, password: …}")
	}
	p := &token{
		from:   c.sources("token", Sources{"header:Authorization"}),
		prefix: "Basic ",
		decode: encodings["base64"].decode,
	}
	for _, secret := range c.secrets {
		pair := user + ":" + secret.Reveal()
		p.accept(pair, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return p
}
