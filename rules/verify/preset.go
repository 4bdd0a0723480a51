package verify

import (
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// presets.json is the list of providers: a Scheme for each name. A provider is
// added there, with vectors in testdata, and needs no code.
//
//go:embed presets.json
var presetFile []byte

// catalog keeps each preset undecoded, so that every caller gets a Scheme of
// its own to change.
var catalog = sync.OnceValue(func() map[string]json.RawMessage {
	var schemes map[string]json.RawMessage
	if err := json.Unmarshal(presetFile, &schemes); err != nil {
		panic("verify: presets.json: " + err.Error())
	}
	return schemes
})

// Preset returns the scheme of a provider by its name, and whether there is one.
func Preset(name string) (Scheme, bool) {
	raw, ok := catalog()[name]
	if !ok {
		return Scheme{}, false
	}
	var s Scheme
	if err := json.Unmarshal(raw, &s); err != nil {
		panic("verify: presets.json: " + name + ": " + err.Error())
	}
	return s, true
}

// Presets returns the names of all presets, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(catalog())) }
