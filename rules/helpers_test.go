package rules

import (
	"cmp"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// secretValue is what ${env:TOKEN} stands for in the tests. It must never be
// seen where people look.
const secretValue = "s3cr3t-of-the-test"

// writeFiles makes a folder with the files, by their names.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads a configuration that must be good.
func load(t testing.TB, text string) *Config {
	t.Helper()
	config, err := Load(filepath.Join(writeFiles(t, map[string]string{"hooktender.yaml": text}), "hooktender.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// oneHook loads a configuration and returns its only hook.
func oneHook(t testing.TB, text string) *Hook {
	t.Helper()
	hooks := load(t, text).Set.Hooks()
	if len(hooks) != 1 {
		t.Fatalf("%d hooks, want 1", len(hooks))
	}
	return hooks[0]
}

// push is a request with a body and a bit of everything that a rule can ask for.
func push(body string) *Request {
	return &Request{
		Hook: "/deploy/:service", Method: http.MethodPost, Path: "/deploy/web",
		RawQuery: "branch=main&branch=dev&q=a%20b", Params: map[string]string{"service": "web"},
		Header:   http.Header{"X-Github-Event": {"push"}, "X-Twice": {"a", "b"}},
		RemoteIP: netip.MustParseAddr("192.0.2.7"),
		Body:     []byte(body), Event: "push", ID: "d-1",
	}
}

// envOf is what expressions see of a request whose body is JSON.
func envOf(t testing.TB, r *Request) environment {
	t.Helper()
	payload, err := payloadOf(r, reading{content: contentJSON}, everything)
	if err != nil {
		t.Fatal(err)
	}
	return environment{Payload: payload, Request: &requestView{request: r, hook: &Hook{}}}
}

// paths spells what is needed as sorted paths: "a.b.c", "*" for everything.
func paths(f *fields, prefix string) []string {
	if f.whole {
		return []string{cmp.Or(prefix, "*")}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(f.below)) {
		list = append(list, paths(f.below[name], strings.TrimPrefix(prefix+"."+name, "."))...)
	}
	return list
}
