package verify

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// sns verifies messages of Amazon SNS, which bear their signature in the body
// (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html). A
// signature shows that SNS sent the message, which it does for every customer
// of AWS: only the topic tells whose it is.
type sns struct {
	topic  string
	clock  *clock
	keys   []keyPair // given instead of the published one
	source *keySource
}

// snsFields are signed in this order, where a message has them.
var snsFields = map[string][]string{
	"Notification":             {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	"SubscriptionConfirmation": {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	"UnsubscribeConfirmation":  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

// snsAlgorithms are the versions of signatures: 1 is SHA-1, 2 is SHA-256.
var snsAlgorithms = map[string]string{"1": "sha1", "2": "sha256"}

func compileSNS(c *compiler) proof {
	c.unusedSignature("timestamp")
	c.unused("token", len(c.scheme.Token) > 0)
	p := &sns{topic: c.params["topic"], clock: c.clock()}
	if !strings.HasPrefix(p.topic, "arn:") {
		c.failf("topic", "missing; write the topic's ARN, as in arn:aws:sns:eu-west-1:123456789012:alarms, because SNS signs for everybody who has an account")
	}
	if p.source = c.keySource(); p.source == nil {
		c.failf("keys", "missing; write from which hosts the certificate may be fetched")
	}
	for i, s := range c.secrets {
		pairs, err := parseKeys(s.Reveal(), nil)
		if err != nil {
			c.failf("public_key", "number %d is no RSA key: %v", i+1, err)
		}
		p.keys = append(p.keys, pairs...)
	}
	return p
}

func (p *sns) verify(r *Request) error {
	root := r.jsonRoot()
	text := func(name string) string { return root.at(name) }
	algorithm, known := snsAlgorithms[text("SignatureVersion")]
	if !known {
		return reject("SignatureVersion is not 1 or 2; a message that SNS sends raw has no signature: switch raw delivery off")
	}
	if text("TopicArn") != p.topic {
		return reject("the message is of another topic")
	}
	signed, ok := snsText(root)
	if !ok {
		return reject("Type in the JSON body is none of SNS's")
	}
	signature, err := encodings["base64"].decode(text("Signature"))
	if err != nil || len(signature) == 0 {
		return reject("Signature in the JSON body is not base64")
	}
	pairs := p.keys
	if len(pairs) == 0 {
		d, err := p.source.document(evidence{Request: r})
		if err != nil {
			return err
		}
		if pairs, err = p.source.fetch(r, d, false); err != nil {
			return err
		}
	}
	for _, pair := range pairs {
		public, ok := pair.public.(*rsa.PublicKey)
		if ok && rsa.VerifyPKCS1v15(public, hashIDs[algorithm], digestOf(algorithms[algorithm], signed), signature) == nil {
			return p.clock.check(evidence{Request: r})
		}
	}
	return reject("signature does not match")
}

// snsText is the text that SNS signs: each field's name and value on lines of
// their own.
func snsText(root jsonText) ([]byte, bool) {
	fields, known := snsFields[root.at("Type")]
	var b bytes.Buffer
	for _, name := range fields {
		if raw := root.child(name); raw != nil && string(raw) != "null" {
			b.WriteString(name + "\n" + root.at(name) + "\n")
		}
	}
	return b.Bytes(), known
}

// sign makes the body a notification, unless it is a message of SNS already.
func (p *sns) sign(r *Request) error {
	if len(p.keys) == 0 || p.keys[0].private == nil {
		return errors.New("only SNS can sign; give a private key in PEM to sign with a key of your own")
	}
	var fields map[string]any
	if json.Unmarshal(r.Body, &fields) != nil || fields["Type"] == nil || fields["Message"] == nil {
		fields = map[string]any{"Type": "Notification", "MessageId": newUUID(), "Message": string(r.Body)}
	}
	fields["TopicArn"], fields["SignatureVersion"] = p.topic, "2"
	if at, ok := fields["Timestamp"].(string); !ok || !p.clock.believes(r.Now, at) {
		fields["Timestamp"] = r.Now.UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	text, known := snsText(jsonBody(body))
	if !known {
		return errors.New("the body's Type is none of SNS's")
	}
	signature, err := p.keys[0].private().Sign(nil, digestOf(algorithms["sha256"], text), hashIDs["sha256"])
	if err != nil {
		return err
	}
	fields["Signature"] = encodings["base64"].encode(signature)
	if body, err = json.Marshal(fields); err == nil {
		r.setHeader("Content-Type", "text/plain; charset=UTF-8")
		r.setBody(body)
	}
	return err
}

func (p *sns) places() sources { return known("json:Signature") }

func (p *sns) secrets() sources { return nil }
