package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoadServer(t *testing.T) {
	const hooks = "\nhooks: {/a: {verify: none, rules: [{run: make}]}}"
	if got := load(t, hooks).Server; fmt.Sprint(got) != fmt.Sprint(defaultServer()) {
		t.Errorf("defaults are %+v", got)
	}
	t.Setenv("PORT", "8080")
	config := load(t, `
state: data
server:
  listen: ":${env:PORT}"
  console: off
  public_url: https://hooks.example.com/
  trusted_proxies: [127.0.0.1, "::1", unix, 10.1.2.3/8]
  max_body: 3GiB
  max_running: 4
  max_queued: 5`+hooks)
	want := Server{
		Listen: ":8080", Console: "off", PublicURL: "https://hooks.example.com",
		TrustedProxies: Proxies{Unix: true, Networks: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.1/32"),
			netip.MustParsePrefix("::1/128"), // not a /32 of the whole internet (threat 14)
			netip.MustParsePrefix("10.0.0.0/8"),
		}},
		MaxBody: 3 << 30, MaxRunning: 4, MaxQueued: 5,
	}
	if fmt.Sprint(config.Server) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", config.Server, want)
	}
	if got, want := config.Keep, (Keep{30 * 24 * time.Hour, 90 * 24 * time.Hour, 2 << 30}); got != want {
		t.Errorf("keeps %+v unless told otherwise, want %+v", got, want)
	}
	if got, want := load(t, "keep: {deliveries: 7d, output: 64KiB}"+hooks).Keep, (Keep{7 * 24 * time.Hour, 90 * 24 * time.Hour, 64 << 10}); got != want {
		t.Errorf("keeps %+v, want %+v", got, want)
	}
	if folder := filepath.Dir(config.Files[0]); config.State != filepath.Join(folder, "data") {
		t.Errorf("state is %s, want it beside the file in %s", config.State, folder)
	}
}

func TestLoadRule(t *testing.T) {
	hook := oneHook(t, `
defaults:
  timeout: 1h
  shell: bash
  env: {A: default, B: default}
  on_interrupt: fail
  limits: {memory: 512MiB, cpu: 0.5, processes: 100}
hooks:
  /a:
    verify: none
    rules:
      - run: one
      - name: two
        run: two
        env: {B: own, C: own}
        dir: /srv
        shell: [zsh, -euc]
        stdin: none
        timeout: 2d
        grace: 1s
        limits: {output: 64KB, cpu: 150%}
        user: deploy
        on_interrupt: rerun
`)
	_, actions, err := hook.Evaluate(push(""))
	if err != nil || len(actions) != 2 {
		t.Fatal(actions, err)
	}
	one, two := actions[0].Command, actions[1].Command
	for _, c := range []struct{ what, got, want string }{
		{"rule", actions[0].Rule + " " + actions[1].Rule, "rule-1 two"},
		{"shell of one", fmt.Sprint(one.Shell), "[bash -c]"},
		{"timeout of one", time.Duration(one.Timeout).String(), "1h0m0s"},
		{"env of one", fmt.Sprint(one.Env), "[{A default} {B default}]"},
		{"interrupt of one", string(one.OnInterrupt), "fail"},
		{"shell of two", fmt.Sprint(two.Shell), "[zsh -euc]"},
		{"timeout of two", time.Duration(two.Timeout).String(), "48h0m0s"},
		{"env of two", fmt.Sprint(two.Env), "[{A default} {B own} {C own}]"},
		{"rest of two", fmt.Sprintln(two.Dir, two.NoStdin, two.OutputLimit, time.Duration(two.Grace), two.OnInterrupt), "/srv true 64000 1s rerun\n"},
		{"limits of one", fmt.Sprintln(one.Limits, one.OutputLimit, one.User), "{536870912 0.5 100} 4194304 \n"},
		{"limits of two", fmt.Sprintln(two.Limits, two.User), "{536870912 1.5 100} deploy\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	if !filepath.IsAbs(one.Dir) {
		t.Errorf("one runs in %q, want the file's folder", one.Dir)
	}
}

// One folder is one configuration: defaults count in every file, and the users'
// own test cases and hidden files are left alone.
func TestLoadFolder(t *testing.T) {
	const broken = "hooks: ["
	t.Setenv("TOKEN", secretValue)
	dir := writeFiles(t, map[string]string{
		"b.yaml":           `hooks: {/b: {verify: {github: "${file:token}"}, rules: [{run: make}]}}`,
		"a.yaml":           `hooks: {/a: {verify: {github: "${env:TOKEN}"}, rules: [{run: make, timeout: 1s}]}}`,
		"z-defaults.yaml":  "defaults: {timeout: 7s}\nserver: {listen: \":1\"}",
		"token":            secretValue,
		"x.test.yaml":      broken,
		".hidden.yaml":     broken,
		"notes.yaml.bak":   broken,
		"hooktender.yaml~": broken,
	})
	config, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, hook := range config.Set.Hooks() {
		got = append(got, hook.Path, time.Duration(hook.rules[0].timeout).String())
	}
	if want := []string{"/a", "1s", "/b", "7s"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var files []string
	for _, file := range config.Files {
		if !filepath.IsAbs(file) {
			t.Errorf("%s is not absolute", file)
		}
		files = append(files, filepath.Base(file))
	}
	if want := []string{"a.yaml", "b.yaml", "token", "z-defaults.yaml"}; !slices.Equal(files, want) {
		t.Errorf("files are %v, want %v", files, want)
	}
	if config.Server.Listen != ":1" {
		t.Errorf("listen is %q", config.Server.Listen)
	}
}

func TestLoadNothing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing.yaml")} {
		var problems Problems
		if _, err := Load(path); err == nil || errors.As(err, &problems) {
			t.Errorf("%s: %v, want an error that is none of the file's", path, err)
		}
	}
}

// Anchors and << spare people repetition; what stands in the rule itself wins.
func TestMergeKeys(t *testing.T) {
	hook := oneHook(t, `
defaults:
  env: &env {A: default}
hooks:
  /a:
    verify: none
    rules:
      - &base {name: base, run: make, timeout: 5s, dir: /base}
      - {<<: *base, name: over, timeout: 6s}
      - <<: [{timeout: 7s}, *base]
        env: {<<: *env, B: own}
        name: &name two
      - {run: "true", name: "*name", dir: *name}
`)
	var got []string
	for _, r := range hook.rules {
		got = append(got, fmt.Sprint(r.name, " ", r.script, " ", time.Duration(r.timeout), " ", len(r.env)))
	}
	want := []string{"base make 5s 1", "over make 6s 1", "two make 7s 2", "*name true 0s 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A rule's name may come from elsewhere in the file, like any other setting.
func TestRuleNameByAlias(t *testing.T) {
	hook := oneHook(t, `
hooks:
  /a:
    verify: none
    rules:
      - {name: &n deploy, run: make, dir: &d /srv}
      - {<<: {name: merged}, run: make}
      - {name: *d, run: make}
`)
	if got := []string{hook.rules[1].name, hook.rules[2].name}; !slices.Equal(got, []string{"merged", "/srv"}) {
		t.Errorf("names are %q", got)
	}
}

// An anchor may hold itself, many times over. Reading it must end.
func TestSelfMergingAnchorEnds(t *testing.T) {
	itself := strings.Repeat("*a, ", 50)
	for _, text := range []string{
		"hooks: &a {<<: *a}",
		"hooks: &a\n  <<: [" + itself + "*a]\n  /a: {verify: none, rules: [{run: make}]}",
		"hooks: {/a: &a {<<: [" + itself + "{<<: [" + itself + "]}], verify: none, rules: [{run: make}]}}",
		"hooks: {/a: {verify: none, rules: &a [" + itself + "{run: make}]}}",
		"hooks: {/a: &a {verify: *a, rules: [{run: *a}]}}",
		"&a hooks: *a",
	} {
		done := make(chan struct{})
		go func() {
			_, _ = Load(filepath.Join(writeFiles(t, map[string]string{"x.yaml": text}), "x.yaml"))
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatalf("still reading %.60s", text)
		}
	}
}

func TestStateFolder(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/from/systemd:/second")
	for _, c := range []struct{ name, text, want string }{
		{"absolute", "state: /var/lib/x\nhooks: {}", "/var/lib/x"},
		{"none", "hooks: {}", "/from/systemd"},
		{"secrets are not asked for", "state: /x\nhooks: {/a: {verify: {github: \"${env:NO_SUCH_VARIABLE}\"}}}", "/x"},
		{"other mistakes do not matter", "state: /x\nstat: 5\nserver: [5]", "/x"},
		{"its own reference is read", "state: /var/${env:NAME}", "/var/hook"},
		{"its own mistake matters", "state: [/x]", ""},
		{"its own reference is missing", "state: /var/${env:NO_SUCH_VARIABLE}", ""},
		{"not YAML", "state: [", ""},
		{"broken elsewhere", "hooks:\n\t/a: x\nstate: /x # here\n", "/x"},
		{"broken itself", "state:/x\nhooks:\n\t/a: x\n", ""},
		{"broken, and none", "hooks:\n\t/a: x\n", ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NAME", "hook")
			got, _, err := StateFolder(filepath.Join(writeFiles(t, map[string]string{"x.yaml": c.text}), "x.yaml"))
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestStateFolderOfSystem(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "/home/ada/state")
	if got := stateFolder(""); got != "/var/lib/hooktender" && got != "/home/ada/state/hooktender" {
		t.Errorf("got %q", got)
	}
}

// A single address is that address alone, whatever its family (threat 14).
func TestPrefixes(t *testing.T) {
	c := load(t, `
server: {trusted_proxies: [10.0.0.1, "2001:db8::1", "::ffff:10.0.0.2", 10.1.2.3/8, fd00::/8]}
hooks: {/a: {verify: none, rules: [{run: "true"}]}}
`)
	want := "[10.0.0.1/32 2001:db8::1/128 10.0.0.2/32 10.0.0.0/8 fd00::/8]"
	if got := fmt.Sprint(c.Server.TrustedProxies.Networks); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
