package rules

import (
	"maps"
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
	h.receipt = p.scheme.Respond
	if kind := content(p.scheme.Content); h.content == contentAuto && (kind == contentJSON || kind == contentForm) {
		h.content = kind // some send JSON as text/plain
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
	if read, generic := genericSchemes[key.Value]; generic {
		p.scheme.Type = key.Value
		read(p, n)
		return p
	}
	scheme, known := verify.Preset(key.Value)
	if !known {
		key.problem("unknown scheme %q%s", key.Value, suggestScheme(key.Value))
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

// suggestScheme names one that is meant perhaps; all of them would fill a page.
func suggestScheme(name string) string {
	names := slices.AppendSeq(verify.Presets(), maps.Keys(genericSchemes))
	slices.Sort(names)
	if suggestion := didYouMean(name, names); !strings.HasPrefix(suggestion, "; known are") {
		return suggestion
	}
	return "; `hooktender providers` lists them, and any other is described with " + strings.Join(slices.Sorted(maps.Keys(genericSchemes)), ", ")
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
	settings := []setting{{p.scheme.SecretName(), p.readSecrets}}
	for name, param := range p.scheme.Params {
		settings = append(settings, setting{name, func(n node) {
			if param.Secret {
				p.params[name] = n.secret().Reveal()
			} else {
				p.params[name] = n.plain()
			}
		}})
	}
	n.mapping(settings...)
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
