package rules

import "github.com/hooktender/hooktender/rules/verify"

// jwtSettings are what a token has to be. Unless told otherwise it must expire.
func (p *proof) jwtSettings() []setting {
	s, j := &p.scheme, &verify.JWT{Required: verify.Texts{"exp"}, Claims: map[string]verify.Texts{}}
	s.JWT = j
	return append(p.tokenSettings(),
		setting{"algorithms", textLists.to(&j.Algorithms), "those that the token may be signed with, as in `[RS256]`", mustBe},
		setting{"key", oneOf("utf8", "hex", "base64").to(&s.Key), "how the secret spells the key", "`utf8`"},
		setting{"secret", p.secret(), "the secret of `HS256` and its kind, or a list of them while it changes", ""},
		p.publicKey(), p.keysURL(),
		setting{"claims", form{func(n node) { readClaims(j, n) }, claimsSchema}, "what the token must claim, as in `{iss: https://example.com, aud: hooks}`; of a list any", ""},
		setting{"required", textLists.to(&j.Required), "the claims that must be there, whatever they are", "`[exp]`"},
		setting{"max_age", windows.to(&j.MaxAge), "how old the token may be, or `none`", "any"},
		setting{"leeway", windows.to(&j.Leeway), "how long a token that has expired still counts", "none"},
		setting{"body_hash", bodyHashes.to(&j.BodyHash), "the claim that holds a hash of the body", ""},
		p.idPlace(), p.eventPlace(),
	)
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
