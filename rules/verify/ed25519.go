package verify

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
)

// compileEd25519 is type "ed25519" (RFC 8032).
func compileEd25519(c *compiler) proof {
	c.unused("algorithm", c.scheme.Algorithm != "")
	if k := c.scheme.Key; k != "" && k != "hex" && k != "base64" {
		c.failf("key", "%q is unknown; write base64 or hex", k)
	}
	return c.asymmetric(keyKind{
		name:   "Ed25519",
		fits:   func(k crypto.PublicKey) bool { _, ok := k.(ed25519.PublicKey); return ok },
		parse:  parseEd25519,
		verify: verifyEd25519,
		make: func(private crypto.Signer, message []byte) ([]byte, error) {
			return private.Sign(nil, message, crypto.Hash(0))
		},
	})
}

// parseEd25519 reads the bare 32 bytes, in which this key mostly comes, or what
// parseKeys reads. Standard Webhooks puts whpk_ in front of them.
func parseEd25519(c *compiler, text string) ([]keyPair, error) {
	if strings.HasPrefix(text, "-----BEGIN") || strings.HasPrefix(text, "{") {
		return parseKeys(text, nil)
	}
	decode := lenientBase64
	if cmp.Or(c.scheme.Key, "hex") == "hex" {
		decode = hex.DecodeString
	}
	raw, err := decode(strings.TrimPrefix(text, "whpk_"))
	if err == nil && (len(raw) == ed25519.PrivateKeySize || privateDER(raw) != nil) {
		return nil, errPrivate
	}
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, errors.New("it is not 32 bytes in " + cmp.Or(c.scheme.Key, "hex"))
	}
	return []keyPair{{public: ed25519.PublicKey(raw)}}, nil
}

func verifyEd25519(public crypto.PublicKey, message, signature []byte) bool {
	return ed25519.Verify(public.(ed25519.PublicKey), message, signature)
}
