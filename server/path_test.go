package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
)

const pathYAML = `
hooks:
  /deploy: {verify: none, methods: [GET, POST, PUT, DELETE], rules: [{name: r, run: "true"}]}
  /deploy/:service: {verify: none, methods: [GET, POST, PUT, DELETE], rules: [{name: r, run: "true"}]}
  /deploy/:service/:stage/go: {verify: none, methods: [POST], rules: [{name: r, run: "true"}]}
  /scripts/p: {verify: none, methods: [POST], rules: [{name: r, run: "true"}]}
  /slash/: {verify: none, methods: [POST], rules: [{name: r, run: "true"}]}
  /x/*rest:
    verify: none
    rules: [{name: r, when: 'request.params.rest != nil', run: 'true "$REST"', env: {REST: "{{ request.params.rest }}"}}]
`

// 8: a double slash was redirected, and POST became GET and lost its body.
// 17: an encoded slash chose another file.
func TestOddPathsAreNobodys(t *testing.T) {
	d := openPublic(t, pathYAML)
	odd := []string{
		"//deploy", "/deploy//", "/deploy/", "/Deploy", "/DEPLOY", "/./deploy", "/deploy/.", "/deploy/..", "/a/../deploy",
		"/deploy//stage/go", "/deploy/a//go", "/deploy/a/b/go/", "/slash", "/slash//", "/x", "/x//", "/x//a", "/x/./a", "/x/a/..", "/x/a//b",
		"/%2fdeploy", "/deploy%2f", "/deploy%2Fa", "/deploy/a%2fb", "/x/a%2Fb", "/scripts%2fp", "/%2e/deploy", "/%2e%2e/deploy",
		"/..%2fscripts/p", "/..%2Fscripts%2Fp", "/../scripts/p", "/deploy/..%2f..%2fx", "/deploy/..%2f..%2fscripts%2fp", "/deploy/%2e%2e", "/x/..%2f..%2fetc%2fpasswd",
		"/x/../scripts/p", "/deploy?/a/", "/deploy;a", "/deploy/a/b", "/", "/x/%2e%2e/%2e%2e/etc",
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS"} {
		for _, path := range odd {
			a := d.send(t, d.request(t, method, path, `{}`))
			if path == "/deploy?/a/" {
				continue // a query is no path
			}
			if a.status != 404 || a.header.Get("Location") != "" || a.body != `{"error":"not found"}` {
				t.Errorf("%s %s: %d %v %s", method, path, a.status, a.header, a.body)
			}
		}
	}
	for _, k := range keptOf(d) {
		if k.Hook != "/deploy" {
			t.Errorf("%s is taken for %s", k.Path, k.Hook)
		}
	}
}

func keptOf(d *publicDoor) []*rules.Delivery {
	recorded, accepted, _ := d.take()
	return append(recorded, accepted...)
}

func TestParameters(t *testing.T) {
	for request, want := range map[string]struct {
		hook, rest string
	}{
		"/deploy":           {hook: "/deploy"},
		"/deploy/website":   {hook: "/deploy/:service"},
		"/deploy/..a":       {hook: "/deploy/:service"},
		"/deploy/%20%252f":  {hook: "/deploy/:service"},
		"/deploy/a/prod/go": {hook: "/deploy/:service/:stage/go"},
		"/d%65ploy":         {hook: "/deploy"},
		"/slash/":           {hook: "/slash/"},
		"/x/a/b":            {"/x/*rest", "/a/b"},
		"/x/a/b/":           {"/x/*rest", "/a/b/"},
		"/x/":               {"/x/*rest", "/"},
	} {
		d := openPublic(t, pathYAML)
		a := d.send(t, d.request(t, "POST", request, `{}`))
		_, accepted, enqueued := d.take()
		if a.status != 202 || len(accepted) != 1 || accepted[0].Hook != want.hook {
			t.Errorf("%s: %d %s", request, a.status, a.body)
			continue
		}
		if env := enqueued[0].Command.Env; want.rest != "" && (len(env) != 1 || env[0].Value.String() != want.rest) {
			t.Errorf("%s: the script gets %+v", request, env)
		}
	}
}

// pathSet makes a few paths out of few words, so that they collide.
func pathSet(r *rand.Rand) []string {
	segments := []string{"", "a", "b", "ab", "abc", "a-b", "é", ":x", ":y", ":xy", "*r", "*x", ".a", "a.b", "~"}
	paths := make([]string, 1+r.IntN(6))
	for i := range paths {
		for range 1 + r.IntN(4) {
			paths[i] += "/" + segments[r.IntN(len(segments))]
		}
	}
	return paths
}

// checkPaths holds what rules says about a set of paths against what the router
// says. Whatever rules takes, the router takes, and each hook is found.
func checkPaths(t *testing.T, file string, paths []string) (taken, routable bool) {
	t.Helper()
	var yaml strings.Builder
	yaml.WriteString("hooks:\n")
	for _, p := range paths {
		fmt.Fprintf(&yaml, "  %q: {verify: none, rules: [{name: r, run: \"true\"}]}\n", p)
	}
	if err := os.WriteFile(file, []byte(yaml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	routable = routes(paths)
	config, err := rules.Load(file)
	if err != nil {
		if !isProblems(err) {
			t.Fatal(err)
		}
		return false, routable
	}
	if !routable {
		t.Errorf("rules takes what the router does not: %q", paths)
		return true, false
	}
	log, _ := newLog()
	fake := newFakeIntake(t)
	in := NewIntake(fake, fake, log)
	in.Use(config)
	for _, p := range paths {
		w := newRecorder()
		r := newServerRequest("POST", "/", "{}")
		r.URL.Path = example(p)
		in.ServeHTTP(w, r)
		if _, accepted, _ := fake.take(); len(accepted) != 1 || accepted[0].Hook != p {
			t.Errorf("%s of %q is not found: %d %+v", p, paths, w.Code, accepted)
		}
	}
	return true, true
}

func isProblems(err error) bool {
	_, ok := errors.AsType[rules.Problems](err)
	return ok
}

// example is a path that a hook answers.
func example(hook string) string {
	parts := strings.Split(hook, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = "some-" + p[1:]
		}
		if strings.HasPrefix(p, "*") {
			parts[i] = "some/where"
		}
	}
	return strings.Join(parts, "/")
}

// routes tells whether the router itself takes the paths, in order of the alphabet.
func routes(paths []string) (ok bool) {
	defer func() { ok = recover() == nil }()
	router := httprouter.New()
	for _, p := range sorted(paths) {
		router.Handle(http.MethodPost, p, func(http.ResponseWriter, *http.Request, httprouter.Params) {})
	}
	return true
}

// TestRulesAndRouterAgree tries many sets of paths. The other way round they do
// not agree, and need not: rules is stricter about what would confuse people,
// such as /:x beside / or a path no request can have. Where all paths are good
// ones by themselves and the router takes them, rules says no only because of a
// parameter beside the end of a path.
func TestRulesAndRouterAgree(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hooktender.yaml")
	r := rand.New(rand.NewPCG(1, 2))
	var taken, stricter int
	for range 2000 {
		paths := pathSet(r)
		ok, routable := checkPaths(t, file, paths)
		switch {
		case ok:
			taken++
		case routable && !explainedByStrictness(paths):
			t.Errorf("rules refuses what the router takes: %q", paths)
		case routable:
			stricter++
		}
	}
	t.Logf("%d of 2000 sets taken, rules stricter than the router in %d", taken, stricter)
	if taken < 100 {
		t.Errorf("only %d sets are good ones; the test says little", taken)
	}
}

// explainedByStrictness knows the cases in which rules says no by intention.
func explainedByStrictness(paths []string) bool {
	for i, p := range paths {
		inner := strings.TrimSuffix(p, "/")
		if strings.Contains(p, "//") || strings.Contains(inner, "/.") && strings.Contains(p, "/./") {
			return true
		}
		names := map[string]bool{}
		for _, part := range strings.Split(p, "/") {
			if strings.HasPrefix(part, ":") || strings.HasPrefix(part, "*") {
				if names[part[1:]] {
					return true
				}
				names[part[1:]] = true
			}
		}
		for _, other := range paths[i+1:] {
			if besideParameter(p, other) || besideParameter(other, p) {
				return true
			}
		}
	}
	return false
}

// besideParameter tells whether one path ends with a slash where the other has a
// parameter: the router takes /a/ beside /a/:x.
func besideParameter(a, b string) bool {
	rest, ok := strings.CutPrefix(b, a)
	return ok && strings.HasSuffix(a, "/") && (strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "*"))
}

func FuzzPaths(f *testing.F) {
	f.Add("/a\n/:x")
	f.Add("/a/:x\n/a/:x/*r\n/a")
	f.Add("/x/*rest\n/x")
	f.Fuzz(func(t *testing.T, text string) {
		paths := strings.Split(text, "\n")
		for _, p := range paths {
			if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
				t.Skip()
			}
		}
		checkPaths(t, filepath.Join(t.TempDir(), "hooktender.yaml"), paths)
	})
}

func sorted(paths []string) []string {
	list := slices.Clone(paths)
	slices.Sort(list)
	return list
}
