package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/hooktender/hooktender/rules"
)

// samples are the recorded deliveries, for who wants to know what providers
// send: payloads/PROVIDER/EVENT.json, where push-tag is a push, and
// payloads/PROVIDER.fields.json with what those do not have.
var samples = sync.OnceValues(func() ([]rules.Sample, error) {
	var all []rules.Sample
	err := fs.WalkDir(payloads, "payloads", func(file string, e fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".json" {
			return err
		}
		data, err := payloads.ReadFile(file)
		if err != nil {
			return err
		}
		if provider, ok := strings.CutSuffix(e.Name(), ".fields.json"); ok {
			events := map[string]json.RawMessage{}
			if err := json.Unmarshal(data, &events); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			for event, fields := range events {
				all = append(all, rules.Sample{Provider: provider, Event: event, Payload: fields})
			}
			return nil
		}
		all = append(all, rules.Sample{Provider: path.Base(path.Dir(file)), Event: eventOf(e.Name()), Payload: data})
		return nil
	})
	return all, err
})

// eventOf is the event of a recorded delivery, by its file's name.
func eventOf(file string) string {
	event, _, _ := strings.Cut(strings.TrimSuffix(file, ".json"), "-")
	return event
}
