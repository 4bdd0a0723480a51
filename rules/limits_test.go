package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

func TestProcessors(t *testing.T) {
	for written, want := range map[string]float64{"1": 1, "1.5": 1.5, "50%": 0.5, "150 %": 1.5, "0.01": 0.01, "64": 64, `"2"`: 2} {
		hook := oneHook(t, fmt.Sprintf("hooks: {/a: {verify: none, rules: [{run: x, limits: {cpu: %s}}]}}", written))
		_, actions, err := hook.Evaluate(push(""))
		if err != nil || len(actions) != 1 || actions[0].Command.Limits.CPU != want {
			t.Errorf("%s: %+v %v, want %v", written, actions, err, want)
		}
	}
}

// Commands of databases that were written before there were limits and users
// mean what they meant, and one that has none is written as it was.
func TestCommandOfAnOlderVersion(t *testing.T) {
	const old = `{"script":"true","shell":["/bin/sh","-c"],"timeout":"1m0s","grace":"10s","output_limit":4096,"on_interrupt":"rerun"}`
	var c Command
	if err := json.Unmarshal([]byte(old), &c); err != nil {
		t.Fatal(err)
	}
	if c.OutputLimit != 4096 || c.Limits != (Limits{}) || c.User != "" {
		t.Errorf("%+v", c)
	}
	if again, err := json.Marshal(c); err != nil || string(again) != old {
		t.Errorf("%s %v", again, err)
	}
	c.Limits, c.User = Limits{Memory: 1 << 20, CPU: 0.5, Processes: 7}, "deploy"
	data, err := json.Marshal(c)
	var back Command
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil || !reflect.DeepEqual(c, back) {
		t.Errorf("%s became %+v %v", data, back, err)
	}
}

func TestDemands(t *testing.T) {
	set := load(t, `
hooks:
  /b: {verify: none, rules: [{name: plain, run: x}, {name: limited, run: x, limits: {cpu: 2}}]}
  /a: {verify: none, rules: [{name: other, run: x, user: deploy}]}
`).Set
	want := []Demand{{Hook: "/a", Rule: "other", User: "deploy"}, {Hook: "/b", Rule: "limited", Limits: Limits{CPU: 2}}}
	if got := set.Demands(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
