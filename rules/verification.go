package rules

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// proof is what a hook's verify says: a scheme and the secrets it needs.
type proof struct {
	scheme  verify.Scheme
	secrets []verify.Secret
	params  map[string]string
}

// readVerify reads verify: none, or one scheme with its secret.
func (c *compiler) readVerify(h *Hook, n node) {
	if n.Kind == yaml.ScalarNode {
		if n.Value != "none" {
			n.problem("%s, but it must say how senders prove who they are, as in {github: \"${env:SECRET}\"}, or none to let everyone in", kindOf(n.Node))
		}
		return
	}
	before := len(n.d.problems)
	var found []*proof
	for key, value := range n.entries() {
		if p := readProof(key, value); p != nil {
			found = append(found, p)
		}
	}
	switch {
	case len(n.d.problems) > before:
		return
	case len(found) != 1:
		n.problem("must name one scheme, but names %d", len(found))
		return
	}
	c.compileProof(h, n, found[0])
}

func (c *compiler) compileProof(h *Hook, n node, p *proof) {
	verifier, err := p.scheme.Compile(p.secrets, p.params)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			n.problem("%s", line)
		}
		return
	}
	if verifier.NeedsURL() && c.server.PublicURL == "" {
		n.problem("this scheme signs the URL that the sender calls; set server.public_url to it, as in https://hooks.example.com")
	}
	h.verifier = verifier
	if verifier.NeedsURL() {
		h.unread = c.urlUnread
	}
	for kind := range strings.SplitSeq(p.scheme.Content, "|") {
		if field, ok := strings.CutPrefix(kind, "form:"); ok {
			h.formField = field
		}
	}
}

// readProof reads one scheme by its name: a generic one or a provider's preset.
func readProof(key, n node) *proof {
	p := &proof{params: map[string]string{}}
	switch key.Value {
	case "token":
		p.readToken(n)
		return p
	case "hmac":
		p.scheme.Type = "hmac"
		p.readHMAC(n)
		return p
	}
	scheme, known := verify.Preset(key.Value)
	if !known {
		key.problem("unknown scheme %q%s", key.Value, didYouMean(key.Value, schemeNames()))
		return nil
	}
	p.scheme = scheme
	if n.Kind == yaml.MappingNode {
		p.readParams(n)
	} else {
		p.readSecrets(n)
	}
	return p
}

func schemeNames() []string {
	names := append([]string{"token", "hmac"}, verify.Presets()...)
	slices.Sort(names)
	return names
}

// readSecrets reads one secret, or a list of them while they rotate.
func (p *proof) readSecrets(n node) {
	elements := []node{n}
	if n.Kind == yaml.SequenceNode {
		elements = n.list()
	}
	if len(elements) == 0 {
		n.problem("is an empty list; without a secret nobody can prove anything")
	}
	for _, e := range elements {
		p.secrets = append(p.secrets, e.secret())
	}
}

// readParams reads a preset that takes more than a secret.
func (p *proof) readParams(n node) {
	settings := []setting{{"secret", p.readSecrets}}
	if p.scheme.Type == "basic" {
		settings = []setting{{"password", p.readSecrets}, p.param("user")}
	}
	for _, m := range schemeParam.FindAllStringSubmatch(p.scheme.Signed+p.scheme.SignedForm, -1) {
		settings = append(settings, p.param(m[1]))
	}
	n.mapping(settings...)
}

// schemeParam finds the constants of a hook that a scheme signs.
var schemeParam = regexp.MustCompile(`\{param:([^}]+)\}`)

func (p *proof) param(name string) setting {
	return setting{name, func(n node) { p.params[name] = n.plain() }}
}

// readToken reads {query: auth, secret: S} or {header: X-Token, secret: S}.
func (p *proof) readToken(n node) {
	p.scheme.Type = "token"
	n.mapping(
		setting{"query", func(n node) { p.scheme.Token = append(p.scheme.Token, "query:"+n.plain()) }},
		setting{"header", func(n node) { p.scheme.Token = append(p.scheme.Token, "header:"+n.plain()) }},
		setting{"prefix", func(n node) { p.scheme.Prefix = n.plain() }},
		setting{"secret", p.readSecrets},
	)
	if n.Kind == yaml.MappingNode && len(p.scheme.Token) != 1 {
		n.problem("must say where the token stands: {header: X-Token, secret: …} or {query: token, secret: …}")
	}
}

// readHMAC reads the declarative form: any scheme of the kind "HMAC of the body
// in a header", down to where the timestamp stands.
func (p *proof) readHMAC(n node) {
	s := &p.scheme
	n.mapping(
		setting{"algorithm", func(n node) { s.Algorithm = n.one("sha1", "sha256", "sha384", "sha512") }},
		setting{"key", func(n node) { s.Key = n.one("utf8", "hex", "base64", "whsec") }},
		setting{"secret", p.readSecrets},
		setting{"header", func(n node) { s.Signature.From = verify.Sources{"header:" + n.plain()} }},
		setting{"encoding", func(n node) { s.Signature.Encoding = n.one("hex", "base64", "base64url") }},
		setting{"prefix", func(n node) { s.Signature.Prefix = n.plain() }},
		setting{"signature", func(n node) { readSignature(&s.Signature, n) }},
		setting{"signed", func(n node) { s.Signed = n.plain() }},
		setting{"signed_form", func(n node) { s.SignedForm = n.plain() }},
		setting{"timestamp", func(n node) { s.Timestamp = readTimestamp(n) }},
		setting{"id", func(n node) { s.ID = n.sources() }},
		setting{"event", func(n node) { s.Event = n.sources() }},
	)
	if s.Algorithm == "" {
		s.Algorithm = "sha256"
	}
	if n.Kind == yaml.MappingNode && len(s.Signature.From) == 0 {
		n.problem("must say where the signature stands, as in header: X-Signature")
	}
}

func readSignature(s *verify.Signature, n node) {
	n.mapping(
		setting{"from", func(n node) { s.From = n.sources() }},
		setting{"encoding", func(n node) { s.Encoding = n.one("hex", "base64", "base64url") }},
		setting{"prefix", func(n node) { s.Prefix = n.plain() }},
		setting{"sep", func(n node) { s.Sep = n.text() }},
		setting{"kv", func(n node) { s.KV = n.text() }},
		setting{"key", func(n node) { s.Key = n.plain() }},
	)
}

func readTimestamp(n node) *verify.Timestamp {
	t := &verify.Timestamp{}
	n.mapping(
		setting{"from", func(n node) { t.From = n.sources() }},
		setting{"unit", func(n node) { t.Unit = n.one("s", "ms", "us", "rfc3339", "http-date") }},
		setting{"tolerance", func(n node) { t.Tolerance = n.window() }},
		setting{"future", func(n node) { t.Future = n.window() }},
	)
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
