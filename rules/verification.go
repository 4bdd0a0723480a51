package rules

import (
	"regexp"
	"slices"
	"strings"

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
	p := newProof()
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
	n.mapping(p.settings()...)
}

func (p *proof) settings() []setting {
	settings := []setting{{"secret", p.secret(), "the secret, or a list of them while it changes", mustBe}}
	if p.scheme.Type == "basic" {
		settings = []setting{
			p.param("user", "the user's name", mustBe),
			{"password", p.secret(), "the password, or a list of them while it changes", mustBe},
		}
	}
	for _, m := range schemeParam.FindAllStringSubmatch(p.scheme.Signed+p.scheme.SignedForm, -1) {
		settings = append(settings, p.param(m[1], "signed together with the body", ""))
	}
	return settings
}

func (p *proof) secret() form {
	return form{p.readSecrets, secretSchema}
}

var secretSchema = either("secret, or list of them", aText("")(), listOf(aText("")()))

// schemeParam finds the constants of a hook that a scheme signs.
var schemeParam = regexp.MustCompile(`\{param:([^}]+)\}`)

func (p *proof) param(name, about, unset string) setting {
	return setting{name, texts.do(func(s string) { p.params[name] = s }), about, unset}
}

// verifySchema is none, or one scheme by its name.
func verifySchema() *schema {
	schemes := mappingOf(schemes()...)
	schemes.MinProperties, schemes.MaxProperties = 1, 1
	return &schema{AnyOf: []*schema{{Enum: []string{"none"}}, schemes}}
}

// schemes lists what verify may name. Only one is read, by readProof.
func schemes() []setting {
	all := []setting{
		{"token", form{schema: func() *schema { return mappingOf(newProof().tokenSettings()...) }}, "a token in a header or in the query", ""},
		{"hmac", form{schema: func() *schema { return mappingOf(newProof().hmacSettings()...) }}, "an HMAC of the body, described here", ""},
	}
	for _, name := range verify.Presets() {
		p := newProof()
		p.scheme, _ = verify.Preset(name)
		all = append(all, setting{name, form{schema: p.presetSchema}, p.about(), ""})
	}
	return all
}

func (p *proof) presetSchema() *schema {
	mapping := mappingOf(p.settings()...)
	if len(mapping.Required) > 1 {
		return mapping
	}
	return &schema{AnyOf: []*schema{aText("")(), listOf(aText("")()), mapping}, Title: "secret, or list of them"}
}

// about says in a few words what proves the sender.
func (p *proof) about() string {
	s := p.scheme
	switch {
	case s.Type == "basic":
		return "user and password in `header:Authorization`"
	case len(s.Token) > 0:
		return "token in `" + strings.Join(s.Token, "`, `") + "`"
	case len(s.Signature.From) > 0 && s.Algorithm != "":
		return strings.ToUpper(s.Type+"-"+s.Algorithm) + " in `" + strings.Join(s.Signature.From, "`, `") + "`"
	}
	return s.Type
}

func newProof() *proof { return &proof{params: map[string]string{}} }
