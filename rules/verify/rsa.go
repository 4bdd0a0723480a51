package verify

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
)

// hashIDs name the algorithms in an RSA signature.
var hashIDs = map[string]crypto.Hash{
	"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// compileRSA is type "rsa": RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2). SHA-1 is
// for Travis CI, which offers nothing better.
func compileRSA(c *compiler) proof {
	c.unused("key", c.scheme.Key != "")
	algorithm, id := c.algorithm(), hashIDs[c.scheme.Algorithm]
	return c.asymmetric(keyKind{
		name:  "RSA",
		fits:  func(k crypto.PublicKey) bool { _, ok := k.(*rsa.PublicKey); return ok },
		parse: parseAny,
		verify: func(public crypto.PublicKey, message, signature []byte) bool {
			return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), id, digestOf(algorithm, message), signature) == nil
		},
		make: func(private crypto.Signer, message []byte) ([]byte, error) {
			return private.Sign(rand.Reader, digestOf(algorithm, message), id)
		},
	})
}
