package rules

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// proof is what a hook's verify says: a scheme and the secrets it needs, or
// several of them together.
type proof struct {
	preset  string // "" for a generic scheme
	scheme  verify.Scheme
	secrets []verify.Secret
	params  map[string]string

	received bool // the secret is that of a file that a provider's own request fills

	name    string // as verify has it
	node    node
	members []*proof // of any and all; the rest is empty then
}

// readVerify reads verify: none, or one scheme with its secret.
func (c *compiler) readVerify(h *Hook, n node) {
	if n.Kind == yaml.ScalarNode {
		if n.Value != "none" {
			n.problem("%s, but it must say how senders prove who they are, as in {github: \"${env:SECRET}\"}, or none to let everyone in", kindOf(n.Node))
		}
		return
	}
	p := readScheme(n)
	if p == nil {
		return
	}
	b := c.believe(p, h.content)
	if b == nil {
		return
	}
	h.verifier, h.preset, h.receipt, h.reading, h.believed = b.verifier, p.preset, b.receipt, b.reading, b.believed
	if b.verifier.NeedsURL() {
		h.unread = c.urlUnread
	}
	if names := parametersOf(h.Path); len(names) > 0 && !b.pathCounts {
		n.d.doubts = append(n.d.doubts, placeOf(n).Problem(Warning, "the path is not signed, so whoever has seen one genuine request can send it again with another %s in it; take what decides from the payload, "+
			"give each path a hook and a secret of its own, or have {path} or {url} signed", strings.Join(names, " and ")))
	}
}

// readScheme reads a mapping that names one scheme. It returns nil if something is
// wrong with it, which is told.
func readScheme(n node) *proof {
	before := len(n.d.problems)
	var found []*proof
	for key, value := range n.entries() {
		if p := readProof(key, value); p != nil {
			p.node = n
			found = append(found, p)
		}
	}
	switch {
	case len(n.d.problems) > before:
		return nil
	case len(found) != 1:
		n.problem("must name one scheme, but names %d", len(found))
		return nil
	}
	return found[0]
}

// compileProof returns nil if something is wrong, which is told.
func (c *compiler) compileProof(p *proof) *verify.Verifier {
	if p.members != nil {
		return c.compileMembers(p)
	}
	verifier, err := p.scheme.Compile(p.secrets, p.params)
	if err != nil {
		p.mistaken(err)
		return nil
	}
	if p.preset == "" {
		for _, doubt := range p.scheme.Doubts() {
			n, _ := p.at(doubt.Setting)
			n.d.doubts = append(n.d.doubts, placeOf(n).Problem(Warning, "%s", doubt.What))
		}
	}
	if verifier.NeedsURL() && c.server.PublicURL == "" {
		p.node.problem("this scheme signs the URL that the sender calls; set server.public_url to it, as in https://hooks.example.com")
	}
	return verifier
}

// readProof reads one scheme by its name: a generic one, a provider's preset, or
// several together.
func readProof(key, n node) *proof {
	p := newProof()
	p.name = key.Value
	if key.Value == anyOf || key.Value == allOf {
		p.readMembers(n)
		return p
	}
	if generic, ok := genericSchemes[key.Value]; ok {
		p.scheme.Type = key.Value
		generic.read(p, n)
		return p
	}
	scheme, known := n.d.once.preset(key.Value)
	if !known {
		key.problem("unknown scheme %q%s", key.Value, suggestScheme(key.Value))
		return nil
	}
	p.preset, p.scheme = key.Value, scheme
	if n.Kind == yaml.MappingNode {
		n.mapping(p.settings()...)
		p.checkReceived(n)
		if p.scheme.TakesEither() {
			p.oneKind(n)
		}
	} else {
		p.readSecrets(n)
	}
	return p
}

// suggestScheme names one that is meant perhaps; all of them would fill a page.
func suggestScheme(name string) string {
	names := slices.AppendSeq(append(verify.Presets(), anyOf, allOf), maps.Keys(genericSchemes))
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

// settings are those of a preset that takes more than a secret.
func (p *proof) settings() []setting {
	name, unset := p.scheme.SecretName(), mustBe
	if p.scheme.PublishesKeys() {
		unset = "what the provider publishes"
	}
	if param, does := p.scheme.Receives(); does {
		unset = "what `" + param + "` keeps"
	}
	settings := []setting{{name, p.secret(), "the " + strings.ReplaceAll(name, "_", " ") + ", or a list of them while it changes", unset}}
	if p.scheme.TakesEither() {
		settings = []setting{p.jwtSecret(), {"public_key", p.secret(), "the sender's key in PEM, or a list of them; this or `secret`", ""}}
	}
	for _, name := range slices.Sorted(maps.Keys(p.scheme.Params)) {
		settings = append(settings, p.param(name, p.scheme.Params[name]))
	}
	return settings
}

func (p *proof) param(name string, param verify.Param) setting {
	unset := mustBe
	if param.Optional {
		unset = ""
	}
	if param.Receives {
		return setting{name, form{func(n node) { p.receive(name, n) }, aText("file")}, param.About, unset}
	}
	if param.Secret {
		return setting{name, form{func(n node) { p.params[name] = n.secret().Reveal() }, aText("secret")}, param.About, unset}
	}
	return setting{name, texts.do(func(s string) { p.params[name] = s }), param.About, unset}
}

func (p *proof) secret() form {
	return form{p.readSecrets, secretSchema}
}

var secretSchema = either("secret, or list of them", aText("")(), listOf(aText("")()))

// verifySchema is none, or one scheme by its name.
func verifySchema() *schema {
	return &schema{AnyOf: []*schema{{Enum: []string{"none"}}, schemeSchema()}}
}

func schemeSchema() *schema {
	s := mappingOf(schemes()...)
	s.MinProperties, s.MaxProperties = 1, 1
	return s
}

// schemes lists what verify may name. Only one is read, by readProof.
func schemes() []setting {
	all := []setting{
		{anyOf, form{schema: membersSchema}, "a list of schemes, of which one is enough", ""},
		{allOf, form{schema: membersSchema}, "a list of schemes, all of which must hold", ""},
	}
	for _, name := range slices.Sorted(maps.Keys(genericSchemes)) {
		generic := genericSchemes[name]
		all = append(all, setting{name, form{schema: func() *schema { return mappingOf(generic.settings(newProof())...) }}, generic.about, ""})
	}
	for _, name := range verify.Presets() {
		p := newProof()
		p.scheme, _ = verify.Preset(name)
		all = append(all, setting{name, form{schema: p.presetSchema}, p.scheme.Describe(), ""})
	}
	return all
}

func (p *proof) presetSchema() *schema {
	mapping := mappingOf(p.settings()...)
	if len(mapping.Required) > 1 || len(mapping.Required) == 1 && p.scheme.PublishesKeys() {
		return mapping
	}
	return &schema{AnyOf: []*schema{aText("")(), listOf(aText("")()), mapping}, Title: "secret, or list of them"}
}

func newProof() *proof { return &proof{params: map[string]string{}} }
