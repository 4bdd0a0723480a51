package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"hash"
	"math/big"
)

// A jwtAlgorithm is one of RFC 7518, section 3.1, or EdDSA of RFC 8037. "none"
// is not among them.
type jwtAlgorithm struct {
	hmac   func() hash.Hash // of the symmetric ones
	verify func(public crypto.PublicKey, signed, signature []byte) bool
	make   func(private crypto.Signer, signed []byte) ([]byte, error)
}

var jwtAlgorithms = map[string]jwtAlgorithm{
	"HS256": {hmac: algorithms["sha256"]},
	"HS384": {hmac: algorithms["sha384"]},
	"HS512": {hmac: algorithms["sha512"]},
	"RS256": rsaToken("sha256", false),
	"RS384": rsaToken("sha384", false),
	"RS512": rsaToken("sha512", false),
	"PS256": rsaToken("sha256", true),
	"PS384": rsaToken("sha384", true),
	"PS512": rsaToken("sha512", true),
	"ES256": ecdsaToken("sha256", "P-256"),
	"ES384": ecdsaToken("sha384", "P-384"),
	"ES512": ecdsaToken("sha512", "P-521"),
	"EdDSA": {
		verify: func(public crypto.PublicKey, signed, signature []byte) bool {
			k, ok := public.(ed25519.PublicKey)
			return ok && ed25519.Verify(k, signed, signature)
		},
		make: func(private crypto.Signer, signed []byte) ([]byte, error) {
			if _, ok := private.Public().(ed25519.PublicKey); !ok {
				return nil, errOtherKind
			}
			return private.Sign(nil, signed, crypto.Hash(0))
		},
	},
}

var errOtherKind = errors.New("the key is of another kind")

func (a jwtAlgorithm) hmacMatches(secret, signed, signature []byte) bool {
	mac := hmac.New(a.hmac, secret)
	mac.Write(signed)
	return hmac.Equal(mac.Sum(nil), signature)
}

// sign returns what signs with the key, or an error if it is of another kind.
func (a jwtAlgorithm) sign(k jwtKey) (func(signed []byte) ([]byte, error), error) {
	switch {
	case k.secret != nil && a.hmac != nil:
		return func(signed []byte) ([]byte, error) {
			mac := hmac.New(a.hmac, k.secret())
			mac.Write(signed)
			return mac.Sum(nil), nil
		}, nil
	case k.secret == nil && a.make != nil && k.pair.private != nil:
		if _, err := a.make(k.pair.private(), nil); err != nil {
			return nil, err
		}
		return func(signed []byte) ([]byte, error) { return a.make(k.pair.private(), signed) }, nil
	}
	return nil, errOtherKind
}

func rsaToken(name string, pss bool) jwtAlgorithm {
	newHash, id := algorithms[name], hashIDs[name]
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: id}
	return jwtAlgorithm{
		verify: func(public crypto.PublicKey, signed, signature []byte) bool {
			k, ok := public.(*rsa.PublicKey)
			switch {
			case !ok:
				return false
			case pss:
				return rsa.VerifyPSS(k, id, digestOf(newHash, signed), signature, options) == nil
			}
			return rsa.VerifyPKCS1v15(k, id, digestOf(newHash, signed), signature) == nil
		},
		make: func(private crypto.Signer, signed []byte) ([]byte, error) {
			_, ok := private.Public().(*rsa.PublicKey)
			switch {
			case !ok:
				return nil, errOtherKind
			case pss:
				return private.Sign(rand.Reader, digestOf(newHash, signed), options)
			}
			return private.Sign(rand.Reader, digestOf(newHash, signed), id)
		},
	}
}

// ecdsaToken has a curve of its own for each hash, and both numbers of the
// signature in their full length (RFC 7518, section 3.4).
func ecdsaToken(name, curve string) jwtAlgorithm {
	newHash, size := algorithms[name], curveBytes[curve]
	return jwtAlgorithm{
		verify: func(public crypto.PublicKey, signed, signature []byte) bool {
			k, ok := public.(*ecdsa.PublicKey)
			if !ok || k.Curve.Params().Name != curve || len(signature) != 2*size {
				return false
			}
			r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
			return ecdsa.Verify(k, digestOf(newHash, signed), r, s)
		},
		make: func(private crypto.Signer, signed []byte) ([]byte, error) {
			k, ok := private.Public().(*ecdsa.PublicKey)
			if !ok || k.Curve.Params().Name != curve {
				return nil, errOtherKind
			}
			der, err := private.Sign(rand.Reader, digestOf(newHash, signed), nil)
			var numbers struct{ R, S *big.Int }
			if err == nil {
				_, err = asn1.Unmarshal(der, &numbers)
			}
			if err != nil {
				return nil, err
			}
			signature := make([]byte, 2*size)
			numbers.R.FillBytes(signature[:size])
			numbers.S.FillBytes(signature[size:])
			return signature, nil
		},
	}
}
