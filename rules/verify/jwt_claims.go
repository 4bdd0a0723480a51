package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// judgeTimes reads exp, nbf and iat (RFC 7519, section 4.1). A token that has
// expired is not taken, but for the leeway that the scheme gives; one that is
// from a little ahead of our clock is.
func (p *jwt) judgeTimes(now time.Time, claims jsonNode) error {
	for _, name := range p.required {
		if claims.child(name) == nil {
			return reject("the token has no %s", name)
		}
	}
	exp, hasExp, err := numericDate(claims, "exp")
	if err != nil {
		return err
	}
	if hasExp && !now.Before(exp.Add(p.leeway)) {
		return reject("the token has expired %s ago", seconds(now.Sub(exp)))
	}
	nbf, hasNbf, err := numericDate(claims, "nbf")
	if err != nil {
		return err
	}
	if hasNbf && now.Add(ahead).Before(nbf) {
		return reject("the token is not valid for another %s", seconds(nbf.Sub(now)))
	}
	iat, hasIat, err := numericDate(claims, "iat")
	switch {
	case err != nil:
		return err
	case hasIat && now.Add(ahead).Before(iat):
		return reject("the token is from %s ahead of our clock", seconds(iat.Sub(now)))
	case p.maxAge == 0:
		return nil
	case !hasIat:
		return reject("the token has no iat")
	case now.Sub(iat) > p.maxAge:
		return reject("the token is %s old, %s allowed", seconds(now.Sub(iat)), seconds(p.maxAge))
	}
	return nil
}

// numericDate reads seconds since 1970, perhaps with a fraction (RFC 7519,
// section 2). What is there and is none makes the token bad: a check must not
// be avoided by a spelling.
func numericDate(claims jsonNode, name string) (t time.Time, there bool, err error) {
	raw := claims.child(name)
	if raw == nil {
		return t, false, nil
	}
	var number json.Number
	n := math.NaN()
	if raw[0] != '"' && json.Unmarshal(raw, &number) == nil {
		n, _ = strconv.ParseFloat(number.String(), 64)
	}
	if !(n > 0 && n < 1<<40) {
		return t, true, reject("the token's %s is not a time", name)
	}
	return time.UnixMilli(int64(n * 1000)), true, nil
}

func (p *jwt) judgeClaims(r *Request, claims jsonNode) error {
	for _, name := range slices.Sorted(maps.Keys(p.claims)) {
		if !claimIs(claims.child(name), p.claims[name]) {
			return reject("the token's %s is not the one that is expected", name)
		}
	}
	return p.judgeBody(r, claims)
}

// claimIs also takes a list, of which one element must be right: what aud may
// be (RFC 7519, section 4.1.3).
func claimIs(raw json.RawMessage, accepted []string) bool {
	if raw == nil {
		return false
	}
	node := readJSON(raw)
	if node.list == nil {
		return node.text != "" && slices.Contains(accepted, node.text)
	}
	return slices.ContainsFunc(node.list, func(e json.RawMessage) bool {
		text := readJSON(e).text
		return text != "" && slices.Contains(accepted, text)
	})
}

func (p *jwt) judgeBody(r *Request, claims jsonNode) error {
	if p.bodyHash == nil {
		return nil
	}
	raw := claims.child(p.bodyHash.Claim)
	if raw == nil && p.bodyHash.Optional {
		return nil
	}
	want, err := p.encoding.decode(readJSON(raw).text)
	got := sha256.Sum256(r.Body)
	if err != nil || !hmac.Equal(want, got[:]) {
		return reject("the body is not the one that the token was made for")
	}
	return nil
}
