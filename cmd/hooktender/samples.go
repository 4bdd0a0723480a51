package main

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
)

// samplesOf are recorded deliveries of a provider, for who wants to know what it
// sends, and payloads/PROVIDER.fields.json with what those do not have. Where too
// little is known to tell what it does not send, there are none.
func samplesOf(provider string) ([]rules.Sample, error) {
	r := recordedOf(provider)
	if !r.Judged {
		return nil, nil
	}
	scheme, _ := verify.Preset(provider)
	var all []rules.Sample
	for _, name := range r.names() {
		payload, err := fs.ReadFile(payloads, r.files[name])
		if err != nil {
			return nil, err
		}
		all = append(all, rules.Sample{Provider: provider, Event: r.event(scheme, name), Payload: payload})
	}
	data, err := fs.ReadFile(payloads, r.fields)
	if err != nil {
		return nil, err
	}
	events := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("%s: %w", r.fields, err)
	}
	for event, fields := range events {
		all = append(all, rules.Sample{Provider: provider, Event: event, Payload: fields})
	}
	return all, nil
}
