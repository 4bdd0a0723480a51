package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// A jwtToken is a token taken apart; nothing in it is believed yet.
type jwtToken struct {
	signed    []byte // what the signature is over
	signature []byte
	alg, kid  string
	claims    jsonNode
}

// maxToken bounds what is decoded for a stranger.
const maxToken = 16 << 10

var errToken = errors.New("not a token")

func parseToken(text string) (t jwtToken, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > maxToken {
		return t, errToken
	}
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		if strings.HasSuffix(part, "=") {
			return t, errToken // RFC 7515, section 2: without padding
		}
		if decoded[i], err = encodings["base64url"].decode(part); err != nil {
			return t, errToken
		}
	}
	var header struct {
		Alg  string          `json:"alg"`
		Kid  string          `json:"kid"`
		Crit json.RawMessage `json:"crit"`
	}
	if json.Unmarshal(decoded[0], &header) != nil || header.Crit != nil || !json.Valid(decoded[1]) {
		return t, errToken
	}
	return jwtToken{
		signed: []byte(text[:strings.LastIndexByte(text, '.')]), signature: decoded[2],
		alg: header.Alg, kid: header.Kid, claims: readJSON(decoded[1]),
	}, nil
}

// sign puts a token into r as the provider would.
func (p *jwt) sign(r *Request) error {
	if len(p.keys) == 0 {
		return errors.New("only the provider can sign; give a private key in PEM to sign with a key of your own")
	}
	claims := map[string]any{"iat": r.Now.Unix(), "exp": r.Now.Add(5 * time.Minute).Unix()}
	for name, values := range p.claims {
		if len(values) > 0 {
			claims[name] = values[0]
		}
	}
	if p.bodyHash != nil {
		sum := sha256.Sum256(r.Body)
		claims[p.bodyHash.Claim] = p.encoding.encode(sum[:])
	}
	for _, name := range p.algorithms {
		signature, err := jwtAlgorithms[name].sign(p.keys[0])
		if err != nil {
			continue // the key is of another kind
		}
		token, err := writeToken(name, p.keys[0].pair.id, claims, signature)
		if err != nil {
			return err
		}
		return p.from[0].set(r, p.spelt(token))
	}
	return errors.New("the key cannot sign a token; give a private key in PEM")
}

func (p *jwt) spelt(token string) string {
	if p.prefix == "" && p.from[0].key == "Authorization" {
		return "Bearer " + token
	}
	return p.prefix + token
}

func writeToken(alg, kid string, claims map[string]any, sign func([]byte) ([]byte, error)) (string, error) {
	header := map[string]string{"alg": alg, "typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	var b bytes.Buffer
	for _, part := range []any{header, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		b.WriteString(base64.RawURLEncoding.EncodeToString(raw) + ".")
	}
	signed := bytes.TrimSuffix(b.Bytes(), []byte("."))
	signature, err := sign(signed)
	return string(signed) + "." + base64.RawURLEncoding.EncodeToString(signature), err
}
