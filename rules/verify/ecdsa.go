package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"hash"
)

// compileECDSA is type "ecdsa": a DER-encoded signature (FIPS 186-5, RFC 3279)
// over the hash of the message.
func compileECDSA(c *compiler) proof {
	c.unused("key", c.scheme.Key != "")
	algorithm := c.algorithm()
	return c.asymmetric(keyKind{
		name:  "ECDSA",
		fits:  func(k crypto.PublicKey) bool { _, ok := k.(*ecdsa.PublicKey); return ok },
		parse: parseAny,
		verify: func(public crypto.PublicKey, message, signature []byte) bool {
			return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digestOf(algorithm, message), signature)
		},
		make: func(private crypto.Signer, message []byte) ([]byte, error) {
			return private.Sign(rand.Reader, digestOf(algorithm, message), nil)
		},
	})
}

func digestOf(algorithm func() hash.Hash, message []byte) []byte {
	h := algorithm()
	h.Write(message)
	return h.Sum(nil)
}
