package verify

import (
	"encoding/json"
	"strconv"
)

// graph verifies change notifications of Microsoft Graph, each of which repeats
// the clientState of its subscription
// (learn.microsoft.com/graph/change-notifications-delivery-webhooks). It stands
// in the body, which is stored: whoever may read deliveries may read it.
type graph struct {
	token
}

func compileGraph(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	p := &graph{}
	for _, s := range c.secrets {
		p.accept(s.Reveal(), s.Reveal())
	}
	return p
}

// verify wants every notification of the body to bear the secret.
func (p *graph) verify(r *Request) error {
	count := 0
	for item := range r.jsonRoot().child("value").elements() {
		count++
		if state := item.at("clientState"); state == "" || !p.accepts([]byte(state)) {
			return reject("clientState of notification %d does not match", count)
		}
	}
	if count == 0 {
		return reject("no notifications in the JSON body")
	}
	return nil
}

func (p *graph) sign(r *Request) error {
	count := 0
	for range r.jsonRoot().child("value").elements() {
		count++
	}
	if count == 0 {
		body, err := json.Marshal(map[string]any{"value": []any{map[string]any{"resourceData": json.RawMessage(orObject(r.Body))}}})
		if err != nil {
			return err
		}
		r.setBody(body)
		count = 1
	}
	for i := range count {
		if err := setJSONValue(r, []string{"value", strconv.Itoa(i), "clientState"}, p.text()); err != nil {
			return err
		}
	}
	return nil
}

func orObject(body []byte) []byte {
	if !json.Valid(body) {
		return []byte("{}")
	}
	return body
}
