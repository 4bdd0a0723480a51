package rules

import (
	"testing"
	"time"
)

func TestRespond(t *testing.T) {
	wait := Respond{Wait: Duration(30 * time.Second), OnSuccess: 200, OnFailure: 500}
	with := func(r Respond, change func(*Respond)) Respond { change(&r); return r }
	for text, want := range map[string]Respond{
		"":                                               {},
		"respond: accepted":                              {},
		"respond: {wait: 30s}":                           wait,
		"respond: {wait: 30s, stream: false}":            wait,
		"respond: {wait: 30s, output: false}":            wait,
		"respond: {wait: 30s, output: true}":             with(wait, func(r *Respond) { r.Output = true }),
		"respond: {wait: 30s, on_success: 201}":          with(wait, func(r *Respond) { r.OnSuccess = 201 }),
		"respond: {wait: 30s, on_failure: 200}":          with(wait, func(r *Respond) { r.OnFailure = 200 }),
		"respond: {wait: 30s, on_failure: 422}":          with(wait, func(r *Respond) { r.OnFailure = 422 }),
		"respond: {stream: true}":                        {Stream: true, OnSuccess: 200, OnFailure: 500},
		"respond: {stream: true, on_disconnect: cancel}": {Stream: true, OnSuccess: 200, OnFailure: 500, CancelOnDisconnect: true},
		"respond: {wait: 30s, on_disconnect: continue}":  wait,
		"respond: {wait: 30s, on_disconnect: cancel}":    with(wait, func(r *Respond) { r.CancelOnDisconnect = true }),
	} {
		hook := oneHook(t, "hooks:\n  /a:\n    verify: none\n    rules: [{run: make}]\n    "+text)
		if hook.Respond != want {
			t.Errorf("%s: got %+v, want %+v", text, hook.Respond, want)
		}
		if hook.Respond.AtOnce() != (want == Respond{}) {
			t.Errorf("%s: at once is %v", text, hook.Respond.AtOnce())
		}
	}
}
