package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/hooktender/hooktender/rules/verify"
)

// payloads are deliveries as providers send them: payloads/PROVIDER/NAME.json, or
// .form, and payloads/providers.json with what the bodies alone do not say.
//
//go:embed payloads
var payloads embed.FS

// recorded is what is at hand of a provider.
type recorded struct {
	Also    []string          `json:"also"`    // presets of the same provider
	Default string            `json:"default"` // the delivery that is sent if none is named
	Events  map[string]string `json:"events"`  // by names of deliveries, where the header says something else
	Headers map[string]string `json:"headers"` // that a rule may ask for
	Judged  bool              `json:"judged"`  // enough is known for `check` to tell a field that does not exist

	files  map[string]string // by names of deliveries
	fields string            // file with what these do not have, where deliveries are judged
}

// recordings are what is at hand, by the names of presets.
var recordings = sync.OnceValue(func() map[string]*recorded {
	all := map[string]*recorded{}
	data, err := payloads.ReadFile("payloads/providers.json")
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		panic("payloads/providers.json: " + err.Error()) // a mistake in this program
	}
	for provider, r := range maps.Clone(all) {
		r.files, r.fields = recordedFiles(provider), path.Join("payloads", provider+".fields.json")
		for _, other := range r.Also {
			all[other] = r
		}
	}
	return all
})

func recordedFiles(provider string) map[string]string {
	folder := path.Join("payloads", provider)
	entries, err := payloads.ReadDir(folder)
	if err != nil {
		panic(folder + ": " + err.Error())
	}
	files := map[string]string{}
	for _, e := range entries {
		files[strings.TrimSuffix(e.Name(), path.Ext(e.Name()))] = path.Join(folder, e.Name())
	}
	return files
}

// recordedOf is what is at hand of a provider, empty if that is nothing.
func recordedOf(provider string) *recorded {
	if r := recordings()[provider]; r != nil {
		return r
	}
	return &recorded{}
}

// names lists the deliveries, the default one first.
func (r *recorded) names() []string {
	return slices.SortedFunc(maps.Keys(r.files), func(a, b string) int {
		switch r.Default {
		case a:
			return -1
		case b:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// find returns the name of the delivery that is meant: by its own name, by the
// event's as the provider spells it, or by none.
func (r *recorded) find(name string) (string, bool) {
	if name == "" {
		name = r.Default
	}
	for known, event := range r.Events {
		if event == name && r.files[name] == "" {
			name = known
		}
	}
	return name, r.files[name] != ""
}

// event is what the provider calls the event in a header; "" where the body
// itself says what it is.
func (r *recorded) event(scheme verify.Scheme, name string) string {
	if len(scheme.Event) == 0 || !strings.HasPrefix(scheme.Event[0], "header:") {
		return ""
	}
	if event, ok := r.Events[name]; ok {
		return event
	}
	return name
}

// headerEvent is the event of a provider's recorded delivery, "" where the body
// itself says what it is.
func headerEvent(provider, name string) string {
	scheme, _ := verify.Preset(provider)
	r := recordedOf(provider)
	name, _ = r.find(name)
	return r.event(scheme, name)
}

// listRecorded prints the names of the deliveries that are at hand of a provider,
// or of all.
func listRecorded(w io.Writer, provider string) error {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(recordings())) {
		r := recordings()[name]
		for _, delivery := range r.names() {
			if provider != "" && provider != name {
				continue
			}
			isDefault := ""
			if delivery == r.Default {
				isDefault = "yes"
			}
			rows = append(rows, []string{name, delivery, isDefault})
		}
	}
	if rows == nil {
		if _, err := findProvider(provider); err != nil {
			return err
		}
		return usageError{fmt.Errorf("no delivery of %s is recorded; give a body with --payload FILE", provider)}
	}
	return table(w, "PROVIDER DELIVERY DEFAULT", rows)
}
