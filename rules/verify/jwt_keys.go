package verify

// A jwtKey is a secret for an HMAC or a public key. Each serves only the
// algorithms of its own kind, so that no token can have the public key taken
// for a secret (RFC 8725, section 2.1).
type jwtKey struct {
	secret func() []byte // nil for a public key
	pair   keyPair
}

// A keyFinder finds the public keys that could have signed a token.
type keyFinder interface {
	find(r *Request, kid string, again bool) ([]keyPair, error)
}

// keySet finds keys in a document of the provider's (RFC 7517, section 5).
type keySet struct{ *keySource }

func (s keySet) find(r *Request, _ string, again bool) ([]keyPair, error) {
	d, err := s.document(evidence{Request: r})
	if err != nil {
		return nil, err
	}
	return s.fetch(r, d, again)
}

func (p *jwt) match(r *Request, t jwtToken) error {
	keys := p.keys
	for _, again := range []bool{false, true} {
		if p.finder != nil && len(p.keys) == 0 {
			pairs, err := p.finder.find(r, t.kid, again)
			if err != nil {
				return err
			}
			keys = nil
			for _, pair := range pairs {
				keys = append(keys, jwtKey{pair: pair})
			}
		}
		for _, k := range keys {
			if k.verifies(t) {
				return nil
			}
		}
		if p.finder == nil || len(p.keys) > 0 {
			break
		}
	}
	return reject("signature of the token does not match")
}

func (k jwtKey) verifies(t jwtToken) bool {
	algorithm := jwtAlgorithms[t.alg]
	if k.secret != nil {
		return algorithm.hmac != nil && algorithm.hmacMatches(k.secret(), t.signed, t.signature)
	}
	if k.pair.id != "" && t.kid != "" && k.pair.id != t.kid {
		return false
	}
	return algorithm.verify != nil && algorithm.verify(k.pair.public, t.signed, t.signature)
}
