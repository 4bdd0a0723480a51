package rules

import (
	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// jwtSettings are what a token has to be. Unless told otherwise it must expire.
func (p *proof) jwtSettings() []setting {
	s, j := &p.scheme, &verify.JWT{Required: verify.Texts{"exp"}, Claims: map[string]verify.Texts{}}
	s.JWT = j
	return append(p.tokenSettings(),
		setting{"algorithms", textLists.to(&j.Algorithms), "those that the token may be signed with, as in `[RS256]`", mustBe},
		setting{"key", oneOf("utf8", "hex", "base64").to(&s.Key), "how the secret spells the key", "`utf8`"},
		p.jwtSecret(),
		p.publicKey(), p.keysURL(),
		setting{"claims", form{func(n node) { readClaims(j, n) }, claimsSchema}, "what the token must claim, as in `{iss: https://example.com, aud: hooks}`; of a list any", ""},
		setting{"required", textLists.to(&j.Required), "the claims that must be there, whatever they are", "`[exp]`"},
		setting{"max_age", windows.to(&j.MaxAge), "how old the token may be, or `none`", "any"},
		setting{"leeway", windows.to(&j.Leeway), "how long a token that has expired still counts", "none"},
		setting{"body_hash", bodyHashes.to(&j.BodyHash), "the claim that holds a hash of the body", ""},
		p.idPlace(), p.eventPlace(),
	)
}

func (p *proof) jwtSecret() setting {
	return setting{"secret", p.secret(), "the secret of `HS256` and its kind, or a list of them while it changes", ""}
}

// oneKind tells the scheme what its keys are: what their setting says, and never
// what they look like. So a token has keys of one kind.
func (p *proof) oneKind(n node) {
	if n.Kind != yaml.MappingNode {
		return // which is told
	}
	given := settingsOf(n)
	secret, public := given["secret"].Node != nil, given["public_key"].Node != nil
	switch p.scheme.Public = public; {
	case secret && public:
		given["public_key"].problem("secret and public_key exclude each other; for a sender that changes from one to the other write verify: {any: [{%[1]s: …}, {%[1]s: …}]}", p.name)
	case !secret && !public && p.preset != "":
		n.problem("secret is missing; write it, or public_key for a key of two halves")
	}
}

func readClaims(j *verify.JWT, n node) {
	for key, value := range n.entries() {
		j.Claims[key.Value] = value.texts()
	}
}

func claimsSchema() *schema { return namedOf(&schema{MinLength: 1}, textLists.schema()) }

func bodyHashSettings(b *verify.BodyHash) []setting {
	return []setting{
		{"claim", texts.to(&b.Claim), "its name", mustBe},
		{"encoding", encodings.to(&b.Encoding), "how it is spelt", "`hex`"},
		{"optional", booleans.to(&b.Optional), "a token without it counts, too", "`false`"},
	}
}

func readBodyHash(n node) *verify.BodyHash {
	b := &verify.BodyHash{}
	n.mapping(bodyHashSettings(b)...)
	return b
}

var (
	textLists  = kind[verify.Texts]{node.texts, either("text, or list of them", aText("")(), listOf(aText("")()))}
	bodyHashes = kind[*verify.BodyHash]{readBodyHash, func() *schema { return mappingOf(bodyHashSettings(&verify.BodyHash{})...) }}
)

// texts reads one text or a list of them.
func (n node) texts() verify.Texts { return verify.Texts(n.sources()) }
