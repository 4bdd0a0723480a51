package rules

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever writes a setting in a short way that there is not reads how it is
// written; and what they read can be written.
func TestShortFormsSayWhatToWrite(t *testing.T) {
	t.Setenv("DISCORD_WEBHOOK_URL", "https://discord.com/api/webhooks/1/x")
	t.Setenv("GITHUB_TOKEN", secretValue)
	const (
		places = "notify: {ops: {webhook: https://example.com}}\n"
		rule   = places + "hooks: {/a: {verify: none, rules: [{name: r, run: make, SETTING}]}}"
		hook   = "hooks: {/a: {verify: none, SETTING}}"
		ruled  = "hooks: {/a: {verify: none, rules: [{run: make}], SETTING}}"
		watch  = "hooks: {/backup: {verify: none, rules: [{run: make}]}}\nwatch: {w: {rules: [{run: make}], SETTING}}"
		top    = "hooks: {/a: {verify: none, rules: [{run: make}]}}\nSETTING"
	)
	for _, c := range []struct{ file, wrong, want string }{
		{rule, "debounce: 3s", `debounce: is "3s", but it must be a mapping, as in debounce: {quiet: 3s}`},
		{rule, "throttle: 3s", `throttle: is "3s", but it must be a mapping, as in throttle: {every: 3s}`},
		{rule, "retry: 3", `retry: is "3", but it must be a mapping, as in retry: {attempts: 3}`},
		{rule, "concurrency: website", `concurrency: is "website", but it must be a mapping, as in concurrency: {group: website}`},
		{rule, "status: github", `status: is "github", but it must be a mapping, as in status: {github: "${env:GITHUB_TOKEN}"}`},
		{rule, "limits: 512MiB", `limits: is "512MiB", but it must be a mapping, as in limits: {memory: 512MiB}`},
		{rule, "env: [A=1]", `env: is a list, but it must be a mapping, as in env: {NAME: value}`},
		{rule, "notify: {to: ops}", `notify: is a mapping, but it must be a list, as in notify: [{to: ops}]`},
		{hook, "rules: {run: make}", `rules: is a mapping, but it must be a list, as in rules: [{run: ./deploy.sh}]`},
		{ruled, "methods: POST", `methods: is "POST", but it must be a list, as in methods: [POST]`},
		{watch, `check: "https://a"`, `check: is "https://a", but it must be a mapping, as in check: {urls: ["https://example.com"]}`},
		{watch, `poll: "https://a"`, `poll: is "https://a", but it must be a mapping, as in poll: {url: "https://example.com/data.json"}`},
		{watch, "quiet: /x", `quiet: is "/x", but it must be a mapping, as in quiet: {hook: /backup, for: 26h}`},
		{top, "watch: [w]", `watch: is a list, but it must be a mapping, as in watch: {nightly: {schedule: "0 3 * * *", rules: [{run: ./backup.sh}]}}`},
		{top, "notify: ops", `notify: is "ops", but it must be a mapping, as in notify: {ops: {discord: "${env:DISCORD_WEBHOOK_URL}"}}`},
		{"SETTING", "hooks: [a]", `hooks: is a list, but it must be a mapping, as in hooks: {/deploy: {verify: none, rules: [{run: ./deploy.sh}]}}`},
		{top, `server: ":9000"`, `server: is ":9000", but it must be a mapping, as in server: {listen: ":9000"}`},
		{top, "keep: 90d", `keep: is "90d", but it must be a mapping, as in keep: {runs: 90d}`},
		{top, "defaults: 5m", `defaults: is "5m", but it must be a mapping, as in defaults: {timeout: 5m}`},
		{top, "notify: {ops: {}}", `notify "ops": must say what the place is, as in {discord: "${env:DISCORD_WEBHOOK_URL}"}`},
		{top, "notify: {ops: {ntfy: my-topic}}", `notify "ops": ntfy: is not a URL; write all of it, from https:// on, as in https://ntfy.sh/my-topic`},
	} {
		text := strings.ReplaceAll(c.file, "SETTING", c.wrong)
		_, err := Load(filepath.Join(writeFiles(t, map[string]string{"hooktender.yaml": text}), "hooktender.yaml"))
		var problems Problems
		if !errors.As(err, &problems) || !strings.HasSuffix(problems[0].Where+": "+problems[0].What, c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.wrong, err, c.want)
			continue
		}
		_, example, _ := strings.Cut(c.want, ", as in ")
		right := example
		switch {
		case strings.HasPrefix(example, "{"):
			right = "notify: {ops: " + example + "}"
		case strings.HasPrefix(example, "https:"):
			right = "notify: {ops: {ntfy: \"" + example + "\"}}"
		}
		load(t, strings.ReplaceAll(c.file, "SETTING", right))
	}
}
