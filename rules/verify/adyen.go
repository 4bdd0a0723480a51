package verify

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
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

// adyenFields are signed in this order, with colons in between.
var adyenFields = [][]string{
	{"pspReference"}, {"originalReference"}, {"merchantAccountCode"}, {"merchantReference"},
	{"amount", "value"}, {"amount", "currency"}, {"eventCode"}, {"success"},
}

var adyenSignature = []string{"additionalData", "hmacSignature"}

// adyenItems ranges over the notifications of a body.
func adyenItems(root *jsonNode) iter.Seq2[int, jsonNode] {
	return func(yield func(int, jsonNode) bool) {
		for i, item := range nodeOf(root.child("notificationItems")).items() {
			if !yield(i, nodeOf(item.child("NotificationRequestItem"))) {
				return
			}
		}
	}
}

func adyenMessage(item jsonNode) message {
	texts := make([]string, len(adyenFields))
	for i, path := range adyenFields {
		texts[i] = item.at(path)
	}
	write := func(w io.Writer, _ evidence, _ []byte) error {
		_, err := io.WriteString(w, strings.Join(texts, ":"))
		return err
	}
	return message{template: &template{parts: []part{write}}}
}

// verify wants every notification of the body to be genuine.
func (p *adyen) verify(r *Request) error {
	some := false
	for i, item := range adyenItems(r.jsonRoot()) {
		some = true
		claimed, err := encodings["base64"].decode(item.at(adyenSignature))
		if err != nil || len(claimed) == 0 {
			return reject("notification %d has no additionalData.hmacSignature in base64", i+1)
		}
		genuine := false
		for _, k := range p.keys {
			ok, err := k.matches(adyenMessage(item), [][]byte{claimed})
			if err != nil {
				return err
			}
			genuine = genuine || ok
		}
		if !genuine {
			return reject("signature of notification %d does not match", i+1)
		}
	}
	if !some {
		return reject("no notificationItems in the JSON body")
	}
	return nil
}

// sign gives a body without notifications an empty one.
func (p *adyen) sign(r *Request) error {
	if nodeOf(r.jsonRoot().child("notificationItems")).child("0") == nil {
		r.setBody([]byte(`{"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"TEST"}}]}`))
	}
	for i, item := range adyenItems(r.jsonRoot()) {
		if !item.isObject() {
			return errors.New("an element of notificationItems has no NotificationRequestItem")
		}
		sum, err := p.keys[0].sign(adyenMessage(item))
		if err != nil {
			return err
		}
		path := append([]string{"notificationItems", strconv.Itoa(i), "NotificationRequestItem"}, adyenSignature...)
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
