package rules

import (
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A genericScheme is a type of scheme in which any sender can be described.
type genericScheme struct {
	settings func(*proof) []setting
	finish   func(*proof, node) // what counts if it is not there, and what must be
	about    string
}

var genericSchemes = map[string]genericScheme{
	"token":   {(*proof).tokenAndSecret, (*proof).needPlace, "a token in a header or in the query"},
	"hmac":    {(*proof).hmacSettings, (*proof).needSignature, "an HMAC of the body, described here"},
	"hash":    {(*proof).hashSettings, (*proof).needSignature, "a plain hash that has the secret in what is hashed, described here"},
	"ed25519": {(*proof).ed25519Settings, (*proof).needSignature, "an Ed25519 signature, described here"},
	"ecdsa":   {(*proof).publicKeySettings, (*proof).needSignature, "an ECDSA signature, described here"},
	"rsa":     {(*proof).publicKeySettings, (*proof).needSignature, "an RSA signature, described here"},
	"jwt":     {(*proof).jwtSettings, (*proof).oneKind, "a JSON Web Token, described here"},
}

func (g genericScheme) read(p *proof, n node) {
	n.mapping(g.settings(p)...)
	g.finish(p, n)
}

// tokenAndSecret are {query: auth, secret: S} or {header: X-Token, secret: S}.
func (p *proof) tokenAndSecret() []setting {
	return append(p.tokenSettings(), setting{"secret", p.secret(), "the token, or a list of them while it changes", mustBe})
}

func (p *proof) tokenSettings() []setting {
	at := func(kind string) form {
		return texts.do(func(name string) { p.scheme.Token = append(p.scheme.Token, kind+name) })
	}
	return []setting{
		{"header", at("header:"), "the header in which it stands; this or `query`", ""},
		{"query", at("query:"), "the part of the query in which it stands", ""},
		{"prefix", texts.to(&p.scheme.Prefix), "what stands in front of it, in any case", "none"},
	}
}

func (p *proof) needPlace(n node) {
	if n.Kind == yaml.MappingNode && len(p.scheme.Token) != 1 {
		n.problem("must say where the token stands: {header: X-Token, secret: …} or {query: token, secret: …}")
	}
}

// hmacSettings are the declarative form: any scheme of the kind "HMAC of the body
// in a header", down to where the timestamp stands.
func (p *proof) hmacSettings() []setting {
	return append([]setting{
		{"secret", p.secret(), "the secret, or a list of them while it changes", mustBe},
		p.algorithm(),
		{"key", keySpellings.to(&p.scheme.Key), "how the secret spells the key", "`utf8`"},
	}, p.signedSettings()...)
}

// hashSettings are a plain hash, which has the secret in what is signed.
func (p *proof) hashSettings() []setting {
	return append([]setting{
		{"secret", p.secret(), "the secret, or a list of them while it changes", mustBe},
		p.algorithm(),
	}, p.signedSettings()...)
}

func (p *proof) ed25519Settings() []setting {
	return append([]setting{
		{"public_key", p.secret(), "the sender's key, or a list of them", mustBe},
		{"key", publicSpellings.to(&p.scheme.Key), "how the key is spelt", "`hex`"},
	}, p.signedSettings()...)
}

// publicKeySettings are ECDSA and RSA, whose key may also be fetched.
func (p *proof) publicKeySettings() []setting {
	return append([]setting{p.publicKey(), p.keysURL(), p.algorithm()}, p.signedSettings()...)
}

func (p *proof) publicKey() setting {
	return setting{"public_key", p.secret(), "the sender's key in PEM, or a list of them; this or `keys_url`", ""}
}

func (p *proof) keysURL() setting {
	return setting{"keys_url", urls.do(func(s string) { p.scheme.Keys = &verify.KeySource{URL: s} }), "where the sender publishes its keys", ""}
}

func (p *proof) algorithm() setting {
	return setting{"algorithm", algorithms.to(&p.scheme.Algorithm), "the hash", "`sha256`"}
}

// signedSettings are what all schemes with a signature share.
func (p *proof) signedSettings() []setting {
	s := &p.scheme
	return []setting{
		{"header", texts.do(func(name string) { s.Signature.From = verify.Sources{"header:" + name} }), "where the signature stands; this or `signature`", ""},
		{"encoding", encodings.to(&s.Signature.Encoding), "how the signature is spelt", "`hex`"},
		{"prefix", texts.to(&s.Signature.Prefix), "exactly what stands in front of the signature", "none"},
		{"signature", form{func(n node) { n.mapping(signatureSettings(&s.Signature)...) }, signatureSchema}, "where the signature stands, in a header that holds more", ""},
		{"signed", texts.to(&s.Signed), "what is signed, as in `{timestamp}.{body}`", "`{body}`"},
		{"signed_form", texts.to(&s.SignedForm), "what is signed instead if the body is a form", "as `signed`"},
		{"timestamp", timestamps.to(&s.Timestamp), "where the sender's time stands, and how far it may be off", "not looked at"},
		p.idPlace(), p.eventPlace(),
	}
}

func (p *proof) idPlace() setting {
	return setting{"id", places.to(&p.scheme.ID), "where the event's id stands, for `request.id`", ""}
}

func (p *proof) eventPlace() setting {
	return setting{"event", places.to(&p.scheme.Event), "where the event's name stands, for `request.event`", ""}
}

func (p *proof) needSignature(n node) {
	s := &p.scheme
	if s.Algorithm == "" && s.Type != "ed25519" {
		s.Algorithm = "sha256"
	}
	if n.Kind == yaml.MappingNode && len(s.Signature.From) == 0 {
		n.problem("must say where the signature stands, as in header: X-Signature")
	}
}

func signatureSettings(s *verify.Signature) []setting {
	return []setting{
		{"from", places.to(&s.From), "the place: `header:X`, `query:X`, `form:X`, `json:a.b`", mustBe},
		{"encoding", encodings.to(&s.Encoding), "how the signature is spelt", "`hex`"},
		{"prefix", texts.to(&s.Prefix), "exactly what stands in front of it", "none"},
		{"sep", separators.to(&s.Sep), "what stands between the items", ""},
		{"kv", separators.to(&s.KV), "what stands between an item's name and its value", ""},
		{"key", texts.to(&s.Key), "the name of the item that counts", ""},
	}
}

func timestampSettings(t *verify.Timestamp) []setting {
	return []setting{
		{"from", places.to(&t.From), "the place: `header:X`, `query:X`, `form:X`, `json:a.b`, or `sig:t` of the signature's header", mustBe},
		{"unit", units.to(&t.Unit), "how it is written", "`s`"},
		{"tolerance", windows.to(&t.Tolerance), "how old it may be, or `none`", "`5m`"},
		{"future", windows.to(&t.Future), "how far ahead it may be, or `none`", "as `tolerance`"},
	}
}

var (
	algorithms      = oneOf("sha1", "sha256", "sha384", "sha512")
	keySpellings    = oneOf("utf8", "hex", "base64", "whsec")
	publicSpellings = oneOf("hex", "base64")
	encodings       = oneOf("hex", "base64", "base64url")
	units           = oneOf("s", "ms", "us", "rfc3339", "http-date")
	separators      = kind[string]{node.text, aText("text")}
	timestamps      = kind[*verify.Timestamp]{readTimestamp, func() *schema { return mappingOf(timestampSettings(&verify.Timestamp{})...) }}
)

func signatureSchema() *schema { return mappingOf(signatureSettings(&verify.Signature{})...) }

func readTimestamp(n node) *verify.Timestamp {
	t := &verify.Timestamp{}
	n.mapping(timestampSettings(t)...)
	return t
}

// window reads how far a timestamp may be off; none switches the check off.
func (n node) window() verify.Window {
	if n.Value == "none" {
		return verify.Unchecked
	}
	if d, err := parseDuration(n.Value); err == nil && d <= 0 {
		n.problem("%q would accept nothing; write how far a time may be off, as in 5m, or none to have it not judged", n.Value)
		return verify.Unchecked
	}
	return verify.Window(time.Duration(n.duration()))
}

// text reads a separator, which may be a blank.
func (n node) text() string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		n.problem("%s, but it must be a text", kindOf(n.Node))
	}
	return n.Value
}

// sources reads one place in a request, or a list of which the first present
// one counts.
func (n node) sources() verify.Sources {
	if n.Kind != yaml.SequenceNode {
		return verify.Sources{n.plain()}
	}
	var s verify.Sources
	for _, e := range n.list() {
		s = append(s, e.plain())
	}
	return s
}
