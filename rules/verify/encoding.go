package verify

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// An encoding is how a signature is written as text.
type encoding struct {
	name   string
	decode func(string) ([]byte, error)
	encode func([]byte) string
}

var encodings = map[string]encoding{
	"hex":       {"hex", hex.DecodeString, hex.EncodeToString},
	"base64":    {"base64", strict(base64.StdEncoding), base64.StdEncoding.EncodeToString},
	"base64url": {"base64url", strict(base64.URLEncoding), base64.RawURLEncoding.EncodeToString},
}

// strict decodes base64 with or without its padding, but only the one spelling
// that an encoder would have written. A lenient decoder ignores line breaks and
// the spare bits of the last character, and so takes several texts for one
// signature.
func strict(padded *base64.Encoding) func(string) ([]byte, error) {
	raw := padded.WithPadding(base64.NoPadding).Strict()
	padded = padded.Strict()
	return func(text string) ([]byte, error) {
		switch {
		case strings.ContainsAny(text, "\r\n"):
			return nil, errors.New("line break in base64")
		case strings.HasSuffix(text, "="):
			return padded.DecodeString(text)
		}
		return raw.DecodeString(text)
	}
}

// keyDecoders turn a secret into the bytes of its key.
var keyDecoders = map[string]func(string) ([]byte, error){
	"utf8":   func(text string) ([]byte, error) { return []byte(text), nil },
	"hex":    hex.DecodeString,
	"base64": lenientBase64,
	"whsec": func(text string) ([]byte, error) {
		text = strings.TrimPrefix(text, "v1,") // Supabase shows its secrets so
		return lenientBase64(strings.TrimPrefix(text, "whsec_"))
	},
}

// lenientBase64 decodes any base64 a provider hands out: either alphabet, any
// padding, spare bits set. Only the owner writes a secret, so nothing is gained
// by being strict, and real ones fail it.
func lenientBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSpace(text))
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
