package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/rules/verify"
)

// samples are recorded deliveries, for who wants to know what providers send, and
// payloads/PROVIDER.fields.json with what those do not have. A provider of which
// too little is known to tell what it does not send is left out.
var samples = sync.OnceValues(func() ([]rules.Sample, error) {
	var all []rules.Sample
	for _, provider := range slices.Sorted(maps.Keys(recordings())) {
		if !recordedOf(provider).Judged {
			continue
		}
		of, err := samplesOf(provider)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
})

func samplesOf(provider string) ([]rules.Sample, error) {
	r := recordedOf(provider)
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
