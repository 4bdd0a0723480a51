package verify

import (
	"encoding/json"
	"net/url"
	"regexp"
)

// compilePlaid is a token whose key Plaid's API hands out by its id
// (plaid.com/docs/api/webhooks/webhook-verification). The secret is that of the
// API; a public key in its place is used as it is.
func compilePlaid(c *compiler) proof {
	if len(c.secrets) > 0 && keyText.MatchString(c.secrets[0].Reveal()) {
		return c.jwt(nil)
	}
	host := "production.plaid.com"
	switch c.params["environment"] {
	case "", "production":
	case "sandbox":
		host = "sandbox.plaid.com"
	default:
		c.failf("environment", "write production or sandbox")
	}
	if c.params["client_id"] == "" {
		c.failf("client_id", "missing; Plaid hands out its keys only to its customers")
	}
	secrets := c.secrets
	c.secrets = nil // they are no keys of tokens
	p := c.jwt(plaidKeys{host: host, client: c.params["client_id"], secrets: hide(secrets)})
	c.secrets = secrets
	return p
}

var keyText = regexp.MustCompile(`^\s*(-----BEGIN|\{)`)

// plaidKeys asks Plaid for the key that a token names.
type plaidKeys struct {
	host, client string
	secrets      func() []Secret
}

// plaidKeyID is a UUID; nothing else is asked for in the name of a stranger.
var plaidKeyID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (p plaidKeys) find(r *Request, kid string, again bool) ([]keyPair, error) {
	if !plaidKeyID.MatchString(kid) {
		return nil, reject("the token names no key of Plaid's")
	}
	if again {
		return nil, nil // a key of this name does not change
	}
	if r.Keys == nil {
		return nil, &Unavailable{"the key of " + p.host + " is needed, and nothing here fetches it"}
	}
	var failed error
	for _, secret := range p.secrets() {
		ask, err := json.Marshal(map[string]string{"client_id": p.client, "secret": secret.Reveal(), "key_id": kid})
		if err != nil {
			return nil, err
		}
		at := url.URL{Scheme: "https", Host: p.host, Path: "/webhook_verification_key/get"}
		data, err := r.Keys.Fetch(Document{URL: at.String(), Post: Secret(ask)}, false)
		if err != nil {
			failed = &Unavailable{"the key cannot be fetched from " + p.host + ": " + err.Error()}
			continue
		}
		var answer struct{ Key json.RawMessage }
		if json.Unmarshal(data, &answer) != nil || len(answer.Key) == 0 {
			return nil, reject("what %s serves is no key to believe", p.host)
		}
		pairs, err := parseJWKs(answer.Key)
		if err != nil {
			return nil, reject("what %s serves is no key to believe: %v", p.host, err)
		}
		return pairs, nil
	}
	return nil, failed
}
