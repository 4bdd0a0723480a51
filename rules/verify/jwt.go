package verify

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A JWT says what a signed token (RFC 7519) has to be. A token is believed for
// what it says and no longer than it says; of the body it speaks only where the
// provider puts a hash of it in.
type JWT struct {
	Algorithms Texts            `json:"algorithms"`          // that are accepted: HS256, RS256, ES256, …; never the token's own choice
	Claims     map[string]Texts `json:"claims,omitempty"`    // what each of these claims must be: one of the texts
	Required   Texts            `json:"required,omitempty"`  // claims that must be there: exp
	MaxAge     Window           `json:"max_age,omitzero"`    // how old a token may be by its iat, which must then be there
	Leeway     Window           `json:"leeway,omitzero"`     // how long after its exp a token is still taken; default none, at most 5 minutes
	BodyHash   *BodyHash        `json:"body_hash,omitempty"` // the claim with the SHA-256 of the body
}

// A BodyHash is the claim that binds a token to its body.
type BodyHash struct {
	Claim    string `json:"claim"`
	Encoding string `json:"encoding,omitempty"` // hex (default), base64 or base64url
	Optional bool   `json:"optional,omitempty"` // judged only in a token that has it
}

// maxLeeway bounds the clock skew that may be forgiven.
const maxLeeway = 5 * time.Minute

// jwt is the proof of a token that the sender signed.
type jwt struct {
	from       sources
	prefix     string
	algorithms []string
	keys       []jwtKey
	finder     keyFinder // nil if the keys are given
	claims     map[string][]string
	required   []string
	maxAge     time.Duration // 0: any
	leeway     time.Duration
	bodyHash   *BodyHash
	encoding   encoding
}

// compileJWT is type "jwt".
func compileJWT(c *compiler) proof { return c.jwt(nil) }

func (c *compiler) jwt(finder keyFinder) *jwt {
	s, j := c.scheme, c.scheme.JWT
	if j == nil {
		c.failf("jwt", "missing; write which algorithms are accepted")
		j = &JWT{}
	}
	c.unusedBesideJWT()
	from := s.Token
	if len(from) == 0 {
		from = Sources{"header:Authorization"}
	}
	p := &jwt{
		from: c.sources("token", from), prefix: s.Prefix, algorithms: j.Algorithms, claims: map[string][]string{},
		required: j.Required, maxAge: time.Duration(j.MaxAge), leeway: time.Duration(j.Leeway), bodyHash: j.BodyHash, finder: finder,
	}
	for _, s := range p.from {
		if s.kind != inHeader && s.kind != inQuery {
			c.failf("token", "%s would be stored with the body; write header:NAME or query:NAME", s)
		}
	}
	for name, values := range j.Claims {
		p.claims[name] = c.fillAll("claims."+name, values)
	}
	if p.leeway < 0 || p.leeway > maxLeeway {
		c.failf("leeway", "at most %v; a clock that is further off needs setting", maxLeeway)
	}
	if p.maxAge < 0 {
		c.failf("max_age", "none has no meaning here; leave it out")
	}
	if b := j.BodyHash; b != nil {
		if b.Claim == "" {
			c.failf("body_hash.claim", "missing; write which claim has the SHA-256 of the body")
		}
		p.encoding = choose(c, "body_hash.encoding", orHex(b.Encoding), encodings)
	}
	p.checkAlgorithms(c)
	p.addKeys(c)
	return p
}

func (c *compiler) unusedBesideJWT() {
	s := c.scheme
	c.unused("algorithm", s.Algorithm != "")
	c.unused("signature", len(s.Signature.From) > 0)
	c.unused("signed", s.Signed != "")
	c.unused("signed_form", s.SignedForm != "")
	c.unused("timestamp", s.Timestamp != nil)
}

func orHex(encoding string) string {
	if encoding == "" {
		return "hex"
	}
	return encoding
}

var paramPlaceholder = regexp.MustCompile(`\{param:([^}]+)\}`)

// fillAll puts the hook's constants into texts.
func (c *compiler) fillAll(setting string, texts []string) []string {
	filled := make([]string, len(texts))
	for i, text := range texts {
		filled[i] = paramPlaceholder.ReplaceAllStringFunc(text, func(m string) string {
			name := paramPlaceholder.FindStringSubmatch(m)[1]
			if c.params[name] == "" {
				c.failf(setting, "{param:%s} has no value; write %s: … beside the secret", name, name)
			}
			return c.params[name]
		})
	}
	return filled
}

func (p *jwt) checkAlgorithms(c *compiler) {
	if len(p.algorithms) == 0 {
		c.failf("algorithms", "missing; write the one that the sender uses, for example [RS256]")
	}
	for _, name := range p.algorithms {
		if _, known := jwtAlgorithms[name]; !known {
			c.failf("algorithms", "%q is not accepted; write %s", name, oneOf(jwtAlgorithms))
		}
	}
}

func (p *jwt) uses(symmetric bool) bool {
	return slices.ContainsFunc(p.algorithms, func(name string) bool {
		algorithm, known := jwtAlgorithms[name]
		return known && (algorithm.hmac != nil) == symmetric
	})
}

// addKeys takes the keys for what the setting says that they are, whatever they
// look like: a public key that became a secret would let everybody sign.
func (p *jwt) addKeys(c *compiler) {
	name := c.scheme.SecretName()
	public := name == "public_key" || c.scheme.Type == "plaid"
	if len(c.secrets) > 0 && p.uses(public) && !p.uses(!public) {
		c.failf(name, "does not go with %s; %s", strings.Join(p.algorithms, ", "), map[bool]string{
			true:  "with it go RS256, ES256 or EdDSA, and with these a secret",
			false: "with it go HS256, HS384 or HS512, and with these a public_key",
		}[public])
	}
	for i, s := range c.secrets {
		if !p.uses(!public) {
			break // which is told
		}
		if !public {
			if key := c.key(i, s); len(key) > 0 {
				p.keys = append(p.keys, jwtKey{secret: hide(key)})
			}
			continue
		}
		pairs, err := parseKeys(s.Reveal(), nil)
		if err != nil {
			c.failf("public_key", "number %d is no public key: %v; copy it again from the provider", i+1, err)
		}
		for _, pair := range pairs {
			p.keys = append(p.keys, jwtKey{pair: pair})
		}
	}
	if source := c.keySource(); source != nil && len(c.secrets) == 0 {
		p.finder = keySet{source}
	}
}

func (p *jwt) verify(r *Request) error {
	text, err := p.from.require(evidence{Request: r})
	if err != nil {
		return err
	}
	t, err := p.parse(text)
	if err != nil {
		return reject("%s holds no token that can be read", p.from)
	}
	if !slices.Contains(p.algorithms, t.alg) {
		return reject("the token is not signed with %s", strings.Join(p.algorithms, " or "))
	}
	if err := p.match(r, t); err != nil {
		return err
	}
	if err := p.judgeTimes(r.Now, t.claims); err != nil {
		return err
	}
	return p.judgeClaims(r, t.claims)
}

// parse takes the word Bearer away: a token has no blank in it, so nothing else
// can be meant.
func (p *jwt) parse(text string) (jwtToken, error) {
	if p.prefix != "" {
		rest, ok := cutKeyword(text, p.prefix)
		if !ok {
			return jwtToken{}, errToken
		}
		text = rest
	} else if rest, ok := cutKeyword(text, "Bearer "); ok {
		text = rest
	}
	return parseToken(text)
}

// secrets: a token that says nothing of the body could be sent again with
// another one, for as long as it is valid.
func (p *jwt) places() sources { return p.from }

func (p *jwt) secrets() sources { return p.from }
