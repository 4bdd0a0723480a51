package rules

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Several schemes as a file has them: who is believed, what the event is called,
// and what is masked.
func TestCombinations(t *testing.T) {
	t.Setenv("TOKEN", "secret-token")
	t.Setenv("OTHER", "other-token")
	c := load(t, `
server: {public_url: https://hooks.example.com}
hooks:
  /any:
    verify: {any: [{gitlab: "${env:TOKEN}"}, {token: {query: key, secret: "${env:OTHER}"}}]}
    rules: [{name: go, when: request.event == "Push Hook", run: make}]
  /all:
    verify: {all: [{gitlab: "${env:TOKEN}"}, {any: [{bearer: "${env:OTHER}"}, {twilio: "${env:OTHER}"}]}]}
    rules: [{name: go, run: make}]
`)
	for name, c := range map[string]struct {
		hook   *Hook
		query  string
		header http.Header
		event  string
		reason string
	}{
		"any, the first":  {c.Set.Hook("/any"), "", http.Header{"X-Gitlab-Token": {"secret-token"}, "X-Gitlab-Event": {"Push Hook"}}, "Push Hook", ""},
		"any, the second": {c.Set.Hook("/any"), "key=other-token", http.Header{"X-Gitlab-Event": {"Push Hook"}}, "", ""},
		"any, none":       {c.Set.Hook("/any"), "key=secret-token", nil, "", "no proof holds: gitlab: no X-Gitlab-Token header; token: key in the query does not match"},
		"all":             {c.Set.Hook("/all"), "", http.Header{"X-Gitlab-Token": {"secret-token"}, "Authorization": {"Bearer other-token"}}, "", ""},
		"all, one":        {c.Set.Hook("/all"), "", http.Header{"X-Gitlab-Token": {"secret-token"}}, "", "not every proof holds: any: no proof holds: bearer: no Authorization header; twilio: no X-Twilio-Signature header"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Request{Method: "POST", Path: c.hook.Path, RawQuery: c.query, Header: c.header, Body: []byte("{}")}
			err := c.hook.Verify(r, time.Now())
			if c.reason == "" != (err == nil) || err != nil && err.Error() != c.reason || r.Event != c.event {
				t.Errorf("event %q, %v; want %q, %q", r.Event, err, c.event, c.reason)
			}
			tried := &Request{Method: "POST", Path: c.hook.Path, RawQuery: c.query, Header: c.header, Body: []byte("{}")}
			if trial := c.hook.Try(tried, time.Now(), true); *trial.Verified != (err == nil) || err == nil && tried.Event != c.event {
				t.Errorf("try says %v, event %q", *trial.Verified, tried.Event)
			}
			header, path := c.hook.Mask(r)
			if shown := strings.Join(header["X-Gitlab-Token"], "") + path; strings.Contains(shown, "-token") {
				t.Errorf("shows %s", shown)
			}
		})
	}
}
