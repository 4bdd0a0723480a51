package verify

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"net/url"
	"regexp"
	"strings"
)

// braintree signs the base64 of a notification in XML with the hash of the
// private key, and says beside it for which public key
// (developer.paypal.com/braintree/docs/guides/webhooks/parse).
type braintree struct {
	public string
	keys   []key
}

func compileBraintree(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	p := &braintree{public: c.params["public_key"]}
	if p.public == "" {
		c.failf("public_key", "missing; write the one that belongs to the private key, from Braintree's page of API keys")
	}
	for _, s := range c.secrets {
		p.keys = append(p.keys, newHMACKey(algorithms["sha1"])(braintreeKey(s)))
	}
	return p
}

func braintreeKey(s Secret) []byte {
	sum := sha1.Sum([]byte(s.Reveal()))
	return sum[:]
}

// braintreeChallenge is what Braintree's check of a hook's URL asks to have
// signed. Anybody can have that signed, so it is never a notification.
var braintreeChallenge = regexp.MustCompile(`^[a-f0-9]{20,32}$`)

func (p *braintree) verify(r *Request) error {
	if len(r.Body) > 0 && !isForm(r) {
		return reject("the body is not read as the form that is signed: its Content-Type is not %s", urlencoded)
	}
	values, err := r.formValues()
	if err != nil {
		return err
	}
	signatures, payloads := values["bt_signature"], values["bt_payload"]
	if len(signatures) != 1 || len(payloads) != 1 || payloads[0] == "" {
		return reject("no bt_signature and bt_payload in the form, or several")
	}
	var claimed [][]byte
	for pair := range strings.SplitSeq(signatures[0], "&") {
		public, signature, _ := strings.Cut(pair, "|")
		if sum, err := hex.DecodeString(signature); err == nil && public == p.public {
			claimed = append(claimed, sum)
		}
	}
	if len(claimed) == 0 {
		return reject("no signature for the public key in bt_signature")
	}
	if braintreeChallenge.MatchString(payloads[0]) {
		return reject("bt_payload is no notification")
	}
	for _, k := range p.keys {
		// A form may lose the line break at the end; Braintree's libraries try both.
		for _, text := range []string{payloads[0], payloads[0] + "\n"} {
			ok, err := k.matches(textMessage(text), claimed)
			if ok || err != nil {
				return err
			}
		}
	}
	return reject("signature does not match")
}

func textMessage(text string) message {
	return message{template: &template{parts: []part{literal(text)}}}
}

// identify reads the kind of notification out of its XML.
func (p *braintree) identify(r *Request) (n naming) {
	values, err := r.formValues()
	if err != nil {
		return naming{}
	}
	text, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(values.Get("bt_payload")))
	if err != nil {
		return naming{}
	}
	var notification struct {
		Kind string `xml:"kind"`
	}
	if xml.NewDecoder(bytes.NewReader(text)).Decode(&notification) != nil {
		return naming{}
	}
	return naming{event: notification.Kind, signsEvent: true}
}

// sign takes the body for the XML of a notification, unless it is a form that
// has its payload already.
func (p *braintree) sign(r *Request) error {
	payload := base64.StdEncoding.EncodeToString(r.Body) + "\n"
	if isForm(r) {
		values, err := r.formValues()
		if err != nil {
			return err
		}
		if has := values.Get("bt_payload"); has != "" {
			payload = has
		}
	}
	sum, err := p.keys[0].sign(textMessage(payload))
	if err != nil {
		return err
	}
	r.setHeader("Content-Type", urlencoded)
	r.setBody([]byte(url.Values{"bt_signature": {p.public + "|" + hex.EncodeToString(sum)}, "bt_payload": {payload}}.Encode()))
	return nil
}

func (p *braintree) places() sources { return known("form:bt_signature") }

func (p *braintree) secrets() sources { return nil }
