package server

import (
	"strconv"
	"testing"
)

// A hook's events beyond its rate are refused with the time to come again; those
// that are not genuine take nothing away from it.
func TestRateLimit(t *testing.T) {
	d := openPublic(t, `
hooks:
  /limited:
    verify: {github: `+theSecret+`}
    rate_limit: 2/h
    rules: [{name: always, run: "true"}]
`)
	post := func(signature string) answered {
		return d.send(t, d.request(t, "POST", "/limited", mainPush, "X-Hub-Signature-256", signature))
	}
	for range 5 {
		if a := post(githubSignature("wrong", mainPush)); a.status != 401 {
			t.Errorf("a wrong one: %+v", a)
		}
	}
	for range 2 {
		if a := post(githubSignature(theSecret, mainPush)); a.status != 202 {
			t.Errorf("within the rate: %+v", a)
		}
	}
	a := post(githubSignature(theSecret, mainPush))
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != 429 || a.body != `{"error":"too many requests"}` || err != nil || wait < 1700 || wait > 1800 {
		t.Errorf("beyond it: %+v", a)
	}
}

// Whoever sends a genuine request again takes nothing away from the rate.
func TestReplaysLeaveTheRate(t *testing.T) {
	d := openPublic(t, `
hooks:
  /limited:
    verify: {github: `+theSecret+`}
    rate_limit: 2/h
    rules: [{name: always, run: "true"}]
`)
	d.fakeIntake.dedupes = true
	post := func(id string) int {
		return d.send(t, d.request(t, "POST", "/limited", mainPush, "X-Hub-Signature-256", githubSignature(theSecret, mainPush), "X-GitHub-Delivery", id)).status
	}
	if got := post("1"); got != 202 {
		t.Fatal(got)
	}
	for range 5 {
		if got := post("1"); got != 200 {
			t.Errorf("sent again: %d", got)
		}
	}
	if got := post("2"); got != 202 {
		t.Errorf("the next: %d", got)
	}
	if got := post("3"); got != 429 {
		t.Errorf("one too many: %d", got)
	}
}

// A 401 says how to prove oneself where HTTP has a name for it.
func TestChallenge(t *testing.T) {
	d := openPublic(t, `
hooks:
  /basic: {verify: {basic: {user: u, password: x}}, rules: [{run: "true"}]}
  /bearer: {verify: {bearer: x}, rules: [{run: "true"}]}
  /github: {verify: {github: x}, rules: [{run: "true"}]}
`)
	for path, want := range map[string]string{"/basic": `Basic realm="hooktender"`, "/bearer": "Bearer", "/github": ""} {
		got := d.send(t, d.request(t, "POST", path, "{}"))
		if challenge := got.header.Get("WWW-Authenticate"); got.status != 401 || challenge != want {
			t.Errorf("%s: answered %d, WWW-Authenticate %q", path, got.status, challenge)
		}
	}
}
