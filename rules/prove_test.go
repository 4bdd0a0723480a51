package rules

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
)

// withoutSecrets loads a configuration on a machine that lacks its secrets.
func withoutSecrets(t *testing.T, text string) *Hook {
	t.Helper()
	config, err := LoadToExplain(writeFiles(t, map[string]string{"hooktender.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}
	return config.Set.Hooks()[0]
}

// A stand-in judges what it has signed, and that nothing is signed; never what
// somebody else has signed.
func TestStandInJudges(t *testing.T) {
	hook := withoutSecrets(t, `hooks: {/x: {verify: {github: "${env:NO_SUCH_SECRET}"}, rules: [{run: "true"}]}}`)
	for name, c := range map[string]struct {
		prepare func(*Request)
		proof   string
	}{
		"signed here":      {func(r *Request) { _ = hook.Sign(r, time.Now()) }, "genuine"},
		"unsigned":         {hook.LeaveUnsigned, "no X-Hub-Signature-256 header"},
		"signed elsewhere": {func(r *Request) { r.Header.Set("X-Hub-Signature-256", "sha256=00"); hook.LeaveUnsigned(r) }, "not checked: ${env:NO_SUCH_SECRET}"},
		"changed":          {func(r *Request) { _ = hook.Sign(r, time.Now()); r.Body = []byte("[]") }, "signature does not match"},
	} {
		r := &Request{Hook: "/x", Method: "POST", Path: "/x", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("{}")}
		c.prepare(r)
		if trial := hook.Try(r, time.Now(), true); !strings.HasPrefix(trial.Proof, c.proof) {
			t.Errorf("%s: %q, want %q", name, trial.Proof, c.proof)
		}
	}
}

// Every scheme can be had without its secret; where it has signed with a
// stand-in it takes that for genuine, and nothing of it is left after Strip.
func TestEverySchemeWithoutItsSecret(t *testing.T) {
	signed := 0
	for _, preset := range verify.Presets() {
		scheme, _ := verify.Preset(preset)
		params := map[string]string{}
		for name, p := range scheme.Params {
			if !p.Optional {
				params[name] = "arn:x"
			}
		}
		if preset == "plaid" {
			params["environment"] = "sandbox"
		}
		if scheme.Type == "basic" {
			params["user"] = "u"
		}
		v, err := scheme.Compile([]verify.Secret{verify.StandIn}, params)
		if err != nil {
			t.Errorf("%s: %v", preset, err)
			continue
		}
		r := &verify.Request{Method: "POST", URL: "https://example.com/x?a=b", Path: "/x", RawQuery: "a=b", Now: time.Now(),
			Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a":"b"}`)}
		if v.Sign(r) != nil {
			continue // only the provider can
		}
		signed++
		if err := v.Verify(r); err != nil {
			t.Errorf("%s: %v", preset, err)
		}
		if err := v.Strip(r); err != nil || v.Carries(r) || !strings.HasPrefix(r.RawQuery+"&", "a=b&") {
			t.Errorf("%s: Strip left %q %v %s (%v)", preset, r.RawQuery, r.Header, r.Body, err)
		}
	}
	if signed < 100 {
		t.Errorf("only %d have signed", signed)
	}
}

// What was masked when it came is not kept as if it were what came.
func TestStripTakesSecretsOut(t *testing.T) {
	hook := withoutSecrets(t, `hooks: {/x: {verify: {token: {query: auth, secret: "${env:NO_SUCH_SECRET}"}}, rules: [{run: "true"}]}}`)
	r := &Request{RawQuery: "a=%20b&auth=s&%61uth=t&old=<secret>&c", Header: http.Header{
		"Authorization": {"s"}, "Cookie": {"s"}, "X-Old-Token": {"<secret>"}, "X-Kept": {"k"}}}
	if err := hook.Strip(r); err != nil {
		t.Fatal(err)
	}
	if r.RawQuery != "a=%20b&c" || len(r.Header) != 1 || r.Header.Get("X-Kept") != "k" {
		t.Errorf("%q %v", r.RawQuery, r.Header)
	}
}

func TestSetEventOf(t *testing.T) {
	github := withoutSecrets(t, `hooks: {/x: {verify: {github: "${env:NO_SUCH_SECRET}"}, rules: [{run: "true"}]}}`)
	open := withoutSecrets(t, `hooks: {/x: {verify: none, rules: [{run: "true"}]}}`)
	for _, hook := range []*Hook{github, open} {
		r := &Request{}
		if err := hook.SetEventOf(r, "github", "push"); err != nil || r.Header.Get("X-GitHub-Event") != "push" {
			t.Errorf("%v, %v", r.Header, err)
		}
	}
	if err := github.SetEventOf(&Request{}, "gitlab", "Push Hook"); err == nil || !strings.Contains(err.Error(), "verifies github") {
		t.Error(err)
	}
	if err := open.SetEventOf(&Request{}, "githup", "push"); err == nil {
		t.Error("there is no githup")
	}
}
