package main

import "testing"

func TestSetFields(t *testing.T) {
	for _, tt := range []struct {
		name   string
		body   string
		isForm bool
		set    []string
		want   string
		err    string
	}{
		{"JSON", `{"a":1,"b":{"c":"<"}}`, false, []string{"b.c=x", "d.e=true", "a=2.50"}, `{"a":2.50,"b":{"c":"x"},"d":{"e":true}}`, ""},
		{"digits that are not touched", `{"id":9007199254740993}`, false, []string{"x=null"}, `{"id":9007199254740993,"x":null}`, ""},
		{"lists", `{"alerts":[{"status":"firing"}]}`, false, []string{"alerts[0].status=resolved", "alerts.1.status=new"}, `{"alerts":[{"status":"resolved"},{"status":"new"}]}`, ""},
		{"a list itself", `[{"a":1}]`, false, []string{"0.a=2"}, `[{"a":2}]`, ""},
		{"a form", "b=1&data%5Bemail%5D=x", true, []string{"data.email=a@b", "c=true"}, "b=1&c=true&data%5Bemail%5D=a%40b", ""},
		{"a form as forms spell it", "data%5Bmerges%5D%5BFNAME%5D=x", true, []string{"data[merges][FNAME]=y"}, "data%5Bmerges%5D%5BFNAME%5D=y", ""},
		{"JSON in a form", "payload=%7B%22a%22%3A1%7D", true, []string{"a=2"}, "payload=%7B%22a%22%3A2%7D", ""},
		{"nothing", `not JSON`, false, nil, `not JSON`, ""},
		{"not JSON", `a=b`, false, []string{"a=1"}, "", "--set needs a body that is JSON or a form: invalid character 'a' looking for beginning of value"},
		{"no field", `{}`, false, []string{"a"}, "", "--set a: write FIELD=VALUE, as in head_commit.message=hello"},
		{"an empty step", `{}`, false, []string{"a..b=1"}, "", "--set a..b=1: write FIELD=VALUE, as in head_commit.message=hello"},
		{"into a text", `{"a":"x"}`, false, []string{"a.b=1"}, "", "--set a.b: a is no object"},
		{"past a list", `{"a":{"b":[]}}`, false, []string{"a.b.1=x"}, "", `--set a.b.1: a.b is a list of 0, of which "1" is no element`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := setFields([]byte(tt.body), tt.isForm, tt.set)
			if text := errorText(err); text != tt.err || string(got) != tt.want {
				t.Errorf("got %s, error %q; want %s, %q", got, text, tt.want, tt.err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
