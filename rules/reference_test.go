package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReferenceRead(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"plain": "abc", "newline": "abc\n", "windows": "abc\r\n", "two": "abc\n\n", "blank": " abc ",
		"empty": "", "only-newline": "\n",
	})
	t.Setenv("TOKEN", "abc")
	t.Setenv("EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, c := range []struct{ ref, want, fails string }{
		{ref: "env:TOKEN", want: "abc"},
		{ref: "env:EMPTY", fails: "${env:EMPTY} is empty"},
		{ref: "env:NO_SUCH_VARIABLE", fails: "is not set"},
		{ref: "file:" + dir + "/plain", want: "abc"},
		{ref: "file:" + dir + "/newline", want: "abc"},
		{ref: "file:" + dir + "/windows", want: "abc"},
		{ref: "file:" + dir + "/two", want: "abc\n"},
		{ref: "file:" + dir + "/blank", want: " abc "},
		{ref: "file:" + dir + "/empty", fails: "is empty"},
		{ref: "file:" + dir + "/only-newline", fails: "is empty"},
		{ref: "file:" + dir + "/missing", fails: "no such file"},
		{ref: "file:" + dir, fails: "is a directory"},
		{ref: "credential:newline", want: "abc"},
		{ref: "credential:missing", fails: "no such file"},
		{ref: "secret:x", fails: "unknown kind"},
		{ref: "", fails: "unknown kind"},
	} {
		got, err := Reference(c.ref).Read()
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want an error with %q", c.ref, err, c.fails)
		case c.fails == "" && (err != nil || got.Reveal() != c.want):
			t.Errorf("%s: %q, %v; want %q", c.ref, got.Reveal(), err, c.want)
		}
	}
}

func TestParseReferences(t *testing.T) {
	for s, want := range map[string]Text{
		"":                       Plain(""),
		"plain $HOME":            Plain("plain $HOME"),
		"${env:A}":               {{Ref: "env:A"}},
		"a${env:A}${file:b/c}d":  {{Literal: "a"}, {Ref: "env:A"}, {Ref: "file:/etc/b/c"}, {Literal: "d"}},
		"${file:../x}":           {{Ref: "file:/x"}},
		"${file:/run/x}":         {{Ref: "file:/run/x"}},
		"${credential:github}":   {{Ref: "credential:github"}},
		"${x:-${env:A}}":         Plain("${x:-${env:A}}"),
		"${x:-y} ${env:A}${x:+}": {{Literal: "${x:-y} "}, {Ref: "env:A"}, {Literal: "${x:+}"}},
	} {
		got, err := parseReferences(s, "/etc")
		if err != nil || len(got) != len(want) {
			t.Errorf("%q: %#v, %v; want %#v", s, got, err, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: part %d is %#v, want %#v", s, i, got[i], want[i])
			}
		}
	}
}

// A relative file is looked for beside the configuration, wherever the process
// was started.
func TestFileBesideConfiguration(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"hooktender.yaml": `hooks: {/a: {verify: {bearer: "${file:token}"}, rules: [{run: [x, "${file:sub/../token}"]}]}}`,
		"token":           secretValue + "\n",
	})
	t.Chdir(t.TempDir())
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	config, err := Load(filepath.Join(dir, "hooktender.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := config.Set.Secret(Reference("file:" + dir + "/token"))
	if err != nil || secret.Reveal() != secretValue {
		t.Errorf("%q, %v", secret.Reveal(), err)
	}
}

// A run that was stored under another configuration may need a secret that this
// one does not name.
func TestSecretOfEarlierConfiguration(t *testing.T) {
	set := load(t, "hooks: {/a: {verify: none, rules: [{run: make}]}}").Set
	t.Setenv("TOKEN", secretValue)
	if secret, err := set.Secret("env:TOKEN"); err != nil || secret.Reveal() != secretValue {
		t.Errorf("%v, %v", secret, err)
	}
	if _, err := set.Secret("env:NO_SUCH_VARIABLE"); err == nil {
		t.Error("a missing secret is no error")
	}
}
