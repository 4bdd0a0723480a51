package verify

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
)

// adyen verifies Adyen's standard notifications, each of which bears the
// signature of eight of its fields
// (docs.adyen.com/development-resources/webhooks/verify-hmac-signatures). What
// stands beside these fields is not signed.
type adyen struct{ keys []key }

func compileAdyen(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	c.scheme.Key = "hex"
	return &adyen{c.digests(newHMACKey(algorithms["sha256"]))()}
}

// adyenMost bounds the notifications of a body: Adyen sends one, or a few.
const adyenMost = 100

// adyenItems ranges over the notifications of a body.
func adyenItems(root jsonText) iter.Seq[jsonText] {
	return func(yield func(jsonText) bool) {
		for element := range root.child("notificationItems").elements() {
			if !yield(element.child("NotificationRequestItem")) {
				return
			}
		}
	}
}

// adyenMessage is what is signed of a notification, and its signature: eight
// fields in this order, with colons in between.
func adyenMessage(item jsonText) (message, string) {
	found := item.pick("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "amount", "eventCode", "success", "additionalData")
	amount := found[4].pick("value", "currency")
	fields := slices.Concat(found[:4], amount, found[5:7])
	write := func(w io.Writer, _ evidence, _ []byte) error {
		for i, field := range fields {
			if i > 0 {
				_, _ = io.WriteString(w, ":") // a hash takes everything
			}
			if _, err := io.WriteString(w, field.text()); err != nil {
				return err
			}
		}
		return nil
	}
	return message{template: &template{parts: []part{write}}}, found[7].at("hmacSignature")
}

// verify wants every notification of the body to be genuine.
func (p *adyen) verify(r *Request) error {
	count := 0
	for item := range adyenItems(r.jsonRoot()) {
		if count++; count > adyenMost {
			return reject("there are more than %d notifications in the body", adyenMost)
		}
		signed, signature := adyenMessage(item)
		claimed, err := encodings["base64"].decode(signature)
		if err != nil || len(claimed) == 0 {
			return reject("notification %d has no additionalData.hmacSignature in base64", count)
		}
		genuine := false
		for _, k := range p.keys {
			ok, err := k.matches(signed, [][]byte{claimed})
			if err != nil {
				return err
			}
			genuine = genuine || ok
		}
		if !genuine {
			return reject("signature of notification %d does not match", count)
		}
	}
	if count == 0 {
		return reject("no notificationItems in the JSON body")
	}
	return nil
}

// sign gives a body without notifications an empty one.
func (p *adyen) sign(r *Request) error {
	if r.jsonRoot().child("notificationItems").child("0") == nil {
		r.setBody([]byte(`{"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"TEST"}}]}`))
	}
	for i, item := range slices.Collect(adyenItems(r.jsonRoot())) {
		if len(item) == 0 || item[0] != '{' {
			return errors.New("an element of notificationItems has no NotificationRequestItem")
		}
		signed, _ := adyenMessage(item)
		sum, err := p.keys[0].sign(signed)
		if err != nil {
			return err
		}
		path := []string{"notificationItems", strconv.Itoa(i), "NotificationRequestItem", "additionalData", "hmacSignature"}
		if err := setJSONValue(r, path, encodings["base64"].encode(sum)); err != nil {
			return err
		}
	}
	if !json.Valid(r.Body) {
		return errors.New("the body is not JSON")
	}
	return nil
}

func (p *adyen) places() sources {
	return known("json:notificationItems.0.NotificationRequestItem.additionalData.hmacSignature")
}

func (p *adyen) secrets() sources { return nil }
