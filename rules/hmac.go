package rules

import (
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// readToken reads {query: auth, secret: S} or {header: X-Token, secret: S}.
func (p *proof) readToken(n node) {
	p.scheme.Type = "token"
	n.mapping(p.tokenSettings()...)
	if n.Kind == yaml.MappingNode && len(p.scheme.Token) != 1 {
		n.problem("must say where the token stands: {header: X-Token, secret: …} or {query: token, secret: …}")
	}
}

func (p *proof) tokenSettings() []setting {
	at := func(kind string) form {
		return texts.do(func(name string) { p.scheme.Token = append(p.scheme.Token, kind+name) })
	}
	return []setting{
		{"header", at("header:"), "the header in which it stands; this or `query`", ""},
		{"query", at("query:"), "the part of the query in which it stands", ""},
		{"prefix", texts.to(&p.scheme.Prefix), "what stands in front of it, in any case", "none"},
		{"secret", p.secret(), "the token, or a list of them while it changes", mustBe},
	}
}

// readHMAC reads the declarative form: any scheme of the kind "HMAC of the body
// in a header", down to where the timestamp stands.
func (p *proof) readHMAC(n node) {
	s := &p.scheme
	n.mapping(p.hmacSettings()...)
	if s.Algorithm == "" {
		s.Algorithm = "sha256"
	}
	if n.Kind == yaml.MappingNode && len(s.Signature.From) == 0 {
		n.problem("must say where the signature stands, as in header: X-Signature")
	}
}

func (p *proof) hmacSettings() []setting {
	s := &p.scheme
	return []setting{
		{"secret", p.secret(), "the secret, or a list of them while it changes", mustBe},
		{"algorithm", algorithms.to(&s.Algorithm), "the hash", "`sha256`"},
		{"key", keySpellings.to(&s.Key), "how the secret spells the key", "`utf8`"},
		{"header", texts.do(func(name string) { s.Signature.From = verify.Sources{"header:" + name} }), "where the signature stands; this or `signature`", ""},
		{"encoding", encodings.to(&s.Signature.Encoding), "how the signature is spelt", "`hex`"},
		{"prefix", texts.to(&s.Signature.Prefix), "exactly what stands in front of the signature", "none"},
		{"signature", form{func(n node) { n.mapping(signatureSettings(&s.Signature)...) }, signatureSchema}, "where the signature stands, in a header that holds more", ""},
		{"signed", texts.to(&s.Signed), "what is signed, as in `{timestamp}.{body}`", "`{body}`"},
		{"signed_form", texts.to(&s.SignedForm), "what is signed instead if the body is a form", "as `signed`"},
		{"timestamp", timestamps.to(&s.Timestamp), "where the sender's time stands, and how far it may be off", "not looked at"},
		{"id", places.to(&s.ID), "where the event's id stands, for `request.id`", ""},
		{"event", places.to(&s.Event), "where the event's name stands, for `request.event`", ""},
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
	algorithms   = oneOf("sha1", "sha256", "sha384", "sha512")
	keySpellings = oneOf("utf8", "hex", "base64", "whsec")
	encodings    = oneOf("hex", "base64", "base64url")
	units        = oneOf("s", "ms", "us", "rfc3339", "http-date")
	separators   = kind[string]{node.text, aText("text")}
	timestamps   = kind[*verify.Timestamp]{readTimestamp, func() *schema { return mappingOf(timestampSettings(&verify.Timestamp{})...) }}
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
