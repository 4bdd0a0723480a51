package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// A jwk is a key in JSON (RFC 7517), as far as its public half goes.
type jwk struct {
	Type    string `json:"kty"`
	ID      string `json:"kid"`
	Use     string `json:"use"`
	Curve   string `json:"crv"`
	X, Y    string
	N, E    string
	D       string      // that only a private key has
	Expired json.Number `json:"expired_at"` // of Plaid's
}

// parseJWKs reads one key or a set of them. Of a set, keys of kinds that are
// not known here are left out, as RFC 7517 says in section 5.
func parseJWKs(text []byte) ([]keyPair, error) {
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errNoKey
	}
	if set.Keys == nil {
		var one jwk
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, errNoKey
		}
		return one.pair()
	}
	var pairs []keyPair
	for _, k := range set.Keys {
		pair, err := k.pair()
		if err == nil && (k.Use == "" || k.Use == "sig") {
			pairs = append(pairs, pair...)
		}
	}
	if len(pairs) == 0 {
		return nil, errNoKey
	}
	return pairs, nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func (k jwk) pair() ([]keyPair, error) {
	if k.Expired != "" {
		return nil, errNoKey
	}
	if k.D != "" && k.Type != "oct" {
		return nil, errPrivate
	}
	switch k.Type {
	case "RSA":
		n, e := k.number(k.N), k.number(k.E)
		if n == nil || e == nil || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil, errNoKey
		}
		return acceptable(keyPair{id: k.ID, public: &rsa.PublicKey{N: n, E: int(e.Int64())}})
	case "EC":
		curve, known := curves[k.Curve]
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if !known || errX != nil || errY != nil {
			return nil, errNoKey
		}
		point := append(append([]byte{4}, x...), y...) // SEC 1, section 2.3.3: an uncompressed point
		public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
		if err != nil || len(x) != len(y) {
			return nil, errNoKey
		}
		return acceptable(keyPair{id: k.ID, public: public})
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, errNoKey
		}
		return acceptable(keyPair{id: k.ID, public: ed25519.PublicKey(x)})
	}
	return nil, errNoKey
}

func (jwk) number(text string) *big.Int {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(raw)
}
