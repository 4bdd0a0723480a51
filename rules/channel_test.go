package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestChannel(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	set := load(t, `
notify:
  ops: {discord: "https://discord.com/api/webhooks/1/written-out-token"}
  team: {slack: {token: "${env:TOKEN}", channel: C1}}
  phone: {ntfy: "https://ntfy.example.com:8443/a/my-topic"}
  oncall: {email: {smtp: "smtps://me@example.com@mail.example.com", password: "${env:TOKEN}", to: [a@example.com, a@example.com]}}
hooks: {/a: {verify: none, rules: [{run: make}]}}`).Set
	for name, kind := range map[string]string{"ops": "discord", "team": "slack", "phone": "ntfy", "oncall": "email"} {
		c, ok := set.Channel(name)
		if !ok || c.Kind() != kind || c.Name != name {
			t.Fatalf("%s is %v, want a %s", name, c, kind)
		}
		if shown := fmt.Sprintf("%v %+v %#v", c, *c, c); strings.Contains(shown, "token") || strings.Contains(shown, secretValue) {
			t.Errorf("%s is shown as %s", name, shown)
		}
	}
	if got := fmt.Sprint(set.Channels()); got != "[email oncall discord ops ntfy phone slack team]" {
		t.Errorf("listed as %s", got)
	}
	if c, ok := set.Channel("nobody"); ok {
		t.Errorf("there is a %v", c)
	}
	team, _ := set.Channel("team")
	if got := team.Slack.Token.String(); got != "${env:TOKEN}" {
		t.Errorf("the token is %q, want its reference", got)
	}
	phone, _ := set.Channel("phone")
	if got := phone.Ntfy.Server + " " + phone.Ntfy.Topic.String(); got != "https://ntfy.example.com:8443/a my-topic" {
		t.Errorf("the topic is %q", got)
	}
	oncall, _ := set.Channel("oncall")
	if e := oncall.Email; e.From != "me@example.com" || len(e.To) != 1 {
		t.Errorf("from %q to %q", e.From, e.To)
	}
}

// Whoever has the address of a webhook can post there.
func TestChannelSecrets(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	config := load(t, `
notify:
  ops: {discord: "https://discord.com/api/webhooks/1/written-out-token?thread_id=5"}
  team: {teams: "https://example.com/workflows/${env:TOKEN}/manual?sig=signature-of-the-workflow"}
  own: {webhook: {url: "https://example.com/in", headers: {X-Key: header-value}}}
  any: {url: "pushover://shoutrrr:service-token@user"}
  other: {url: "discord://user-that-is-a-token@1"}
  third: {url: "pushbullet://host-that-is-a-token"}
hooks: {/a: {verify: none, rules: [{run: make}]}}`)
	var got []string
	for _, s := range config.Set.Secrets() {
		got = append(got, s.Reveal())
	}
	for _, want := range []string{
		"https://discord.com/api/webhooks/1/written-out-token?thread_id=5", "written-out-token",
		secretValue, "signature-of-the-workflow", "https://example.com/in", "header-value", "service-token",
		"user-that-is-a-token", "host-that-is-a-token",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among the secrets", want)
		}
	}
	if slices.Contains(got, "in") || slices.Contains(got, "manual") || slices.Contains(got, "discord.com") {
		t.Errorf("%q: words are masked", got)
	}
}

// A machine that need not have the secrets can still say what would happen.
func TestChannelWithoutSecrets(t *testing.T) {
	path := writeFiles(t, map[string]string{"hooktender.yaml": `
notify: {ops: {discord: "${env:NO_SUCH_VARIABLE}"}, phone: {ntfy: "${env:NO_SUCH_VARIABLE}"},
  mail: {email: {smtp: "${env:NO_SUCH_VARIABLE}", to: "${env:NO_SUCH_VARIABLE}"}}, sms: {url: "${env:NO_SUCH_VARIABLE}"},
  push: {ntfy: {url: "${env:NO_SUCH_VARIABLE}", priority: high}}, team: {slack: {url: "${env:NO_SUCH_VARIABLE}", mention: here}},
  hook: {webhook: {url: "${env:NO_SUCH_VARIABLE}", sign: "${env:NO_SUCH_VARIABLE}", headers: {A: "${env:NO_SUCH_VARIABLE}"}}}}
hooks: {/a: {verify: none, rules: [{run: make}]}}`}) + "/hooktender.yaml"
	if _, err := LoadToExplain(path); err != nil {
		t.Error(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("a secret is missing, and Load has nothing against it")
	}
}

func TestConsoleURL(t *testing.T) {
	config := load(t, "server: {console_url: https://hooks.internal/}\nhooks: {/a: {verify: none, rules: [{run: make}]}}")
	if got := config.Server.ConsoleURL; got != "https://hooks.internal" {
		t.Errorf("%q", got)
	}
}
