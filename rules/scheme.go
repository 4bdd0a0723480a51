package rules

import (
	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// genericSchemes are the types of scheme in which any sender can be described.
var genericSchemes = map[string]func(*proof, node){
	"token":   (*proof).readToken,
	"hmac":    (*proof).readHMAC,
	"hash":    (*proof).readHash,
	"ed25519": (*proof).readEd25519,
	"ecdsa":   (*proof).readPublicKey,
	"rsa":     (*proof).readPublicKey,
	"jwt":     (*proof).readJWT,
}

// readToken reads {query: auth, secret: S} or {header: X-Token, secret: S}.
func (p *proof) readToken(n node) {
	n.mapping(append(p.tokenSettings(), setting{"secret", p.readSecrets})...)
	if n.Kind == yaml.MappingNode && len(p.scheme.Token) != 1 {
		n.problem("must say where the token stands: {header: X-Token, secret: …} or {query: token, secret: …}")
	}
}

func (p *proof) tokenSettings() []setting {
	return []setting{
		{"query", func(n node) { p.scheme.Token = append(p.scheme.Token, "query:"+n.plain()) }},
		{"header", func(n node) { p.scheme.Token = append(p.scheme.Token, "header:"+n.plain()) }},
		{"prefix", func(n node) { p.scheme.Prefix = n.plain() }},
	}
}

// readHMAC reads the declarative form: any scheme of the kind "HMAC of the body
// in a header", down to where the timestamp stands.
func (p *proof) readHMAC(n node) {
	p.readSigned(n,
		setting{"algorithm", p.readAlgorithm},
		setting{"key", func(n node) { p.scheme.Key = n.one("utf8", "hex", "base64", "whsec") }},
		setting{"secret", p.readSecrets},
	)
}

// readHash reads a plain hash, which has the secret in what is signed.
func (p *proof) readHash(n node) {
	p.readSigned(n, setting{"algorithm", p.readAlgorithm}, setting{"secret", p.readSecrets})
}

func (p *proof) readEd25519(n node) {
	p.readSigned(n,
		setting{"key", func(n node) { p.scheme.Key = n.one("hex", "base64") }},
		setting{"public_key", p.readSecrets},
	)
}

// readPublicKey reads ECDSA and RSA, whose key may also be fetched.
func (p *proof) readPublicKey(n node) {
	p.readSigned(n,
		setting{"algorithm", p.readAlgorithm},
		setting{"public_key", p.readSecrets},
		setting{"keys_url", p.readKeysURL},
	)
}

func (p *proof) readAlgorithm(n node) {
	p.scheme.Algorithm = n.one("sha1", "sha256", "sha384", "sha512")
}

func (p *proof) readKeysURL(n node) { p.scheme.Keys = &verify.KeySource{URL: n.plain()} }

// readSigned reads what all schemes with a signature share, and some settings
// that only this one has.
func (p *proof) readSigned(n node, own ...setting) {
	s := &p.scheme
	n.mapping(append(own,
		setting{"header", func(n node) { s.Signature.From = verify.Sources{"header:" + n.plain()} }},
		setting{"encoding", func(n node) { s.Signature.Encoding = n.one("hex", "base64", "base64url") }},
		setting{"prefix", func(n node) { s.Signature.Prefix = n.plain() }},
		setting{"signature", func(n node) { readSignature(&s.Signature, n) }},
		setting{"signed", func(n node) { s.Signed = n.plain() }},
		setting{"signed_form", func(n node) { s.SignedForm = n.plain() }},
		setting{"timestamp", func(n node) { s.Timestamp = readTimestamp(n) }},
		setting{"id", func(n node) { s.ID = n.sources() }},
		setting{"event", func(n node) { s.Event = n.sources() }},
	)...)
	if s.Algorithm == "" && s.Type != "ed25519" {
		s.Algorithm = "sha256"
	}
	if n.Kind == yaml.MappingNode && len(s.Signature.From) == 0 {
		n.problem("must say where the signature stands, as in header: X-Signature")
	}
}

// readJWT reads what a token has to be. Unless told otherwise it must expire.
func (p *proof) readJWT(n node) {
	s, j := &p.scheme, &verify.JWT{Required: verify.Texts{"exp"}, Claims: map[string]verify.Texts{}}
	s.JWT = j
	n.mapping(append(p.tokenSettings(),
		setting{"algorithms", func(n node) { j.Algorithms = n.texts() }},
		setting{"key", func(n node) { s.Key = n.one("utf8", "hex", "base64") }},
		setting{"secret", p.readSecrets},
		setting{"public_key", p.readSecrets},
		setting{"keys_url", p.readKeysURL},
		setting{"claims", func(n node) { readClaims(j, n) }},
		setting{"required", func(n node) { j.Required = n.texts() }},
		setting{"max_age", func(n node) { j.MaxAge = n.window() }},
		setting{"leeway", func(n node) { j.Leeway = n.window() }},
		setting{"body_hash", func(n node) { j.BodyHash = readBodyHash(n) }},
		setting{"id", func(n node) { s.ID = n.sources() }},
		setting{"event", func(n node) { s.Event = n.sources() }},
	)...)
}

func readClaims(j *verify.JWT, n node) {
	for key, value := range n.entries() {
		j.Claims[key.Value] = value.texts()
	}
}

func readBodyHash(n node) *verify.BodyHash {
	b := &verify.BodyHash{}
	n.mapping(
		setting{"claim", func(n node) { b.Claim = n.plain() }},
		setting{"encoding", func(n node) { b.Encoding = n.one("hex", "base64", "base64url") }},
		setting{"optional", func(n node) { b.Optional = n.boolean() }},
	)
	return b
}

// texts reads one text or a list of them.
func (n node) texts() verify.Texts { return verify.Texts(n.sources()) }
