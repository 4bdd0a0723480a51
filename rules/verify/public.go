package verify

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// isPublicKey reports whether a text is a key that everybody may know, in any
// spelling that tells: PEM, DER in base64 or hex, a JWK or a set of them, SSH's
// and Standard Webhooks'. Keys that are not used here count as well. The bare
// bytes of an Ed25519 key look like those of a secret; only the setting that
// holds them tells.
func isPublicKey(text string) bool {
	text = strings.TrimSpace(text)
	if publicText.MatchString(text) || isPublicJWK([]byte(text)) {
		return true
	}
	bare := strings.Join(strings.Fields(text), "")
	for _, decode := range []func(string) ([]byte, error){lenientBase64, keyDecoders["hex"]} {
		if raw, err := decode(bare); err == nil && (isPublicDER(raw) || publicText.Match(raw) || isPublicJWK(raw)) {
			return true
		}
	}
	return false
}

var publicText = regexp.MustCompile(`-----BEGIN |^(whpk_|ssh-(rsa|ed25519) |ecdsa-sha2-)`)

// isPublicJWK takes every kind of key but "oct", which is a secret (RFC 7518,
// section 6.1).
func isPublicJWK(text []byte) bool {
	type key struct {
		Type string `json:"kty"`
	}
	var one struct {
		key
		Keys []key
	}
	if !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &one) != nil {
		return false
	}
	for _, k := range append(one.Keys, one.key) {
		if k.Type != "" && k.Type != "oct" {
			return true
		}
	}
	return false
}

// isPublicDER knows the outer form of a SubjectPublicKeyInfo, of a certificate
// (RFC 5280, section 4.1) and of an RSAPublicKey (RFC 8017, appendix A.1.1).
func isPublicDER(der []byte) bool {
	for _, form := range []any{
		&struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}{},
		&struct {
			Certificate asn1.RawValue
			Algorithm   pkix.AlgorithmIdentifier
			Signature   asn1.BitString
		}{},
		&struct{ N, E *big.Int }{},
	} {
		if rest, err := asn1.Unmarshal(der, form); err == nil && len(rest) == 0 {
			return true
		}
	}
	return false
}
