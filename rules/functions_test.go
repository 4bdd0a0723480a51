package rules

import (
	"regexp"
	"strings"
	"testing"
)

// The examples of the reference say what is so.
func TestFunctionExamples(t *testing.T) {
	for _, f := range functions {
		if f.meaning == "" {
			continue
		}
		v, err := compileValue("{{ "+f.example.Expression+" }}", "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := v.text(envOf(t, push(f.example.Payload)))
		if err != nil || text.String() != f.example.Result || !strings.Contains(f.example.Expression, f.name+"(") {
			t.Errorf("%s of %s is %q, %v; want %q", f.example.Expression, f.example.Payload, text, err, f.example.Result)
		}
	}
}

const (
	github         = `{"ref":"refs/heads/main","after":"a1","deleted":false,"head_commit":{"id":"a1"},"commits":[{"added":["new.go"],"modified":["docs/a.md"],"removed":["old/x.png"]},{"added":[],"modified":["README.md"],"removed":[]}]}`
	gitlab         = `{"object_kind":"push","ref":"refs/heads/main","after":"a1","total_commits_count":2,"commits":[{"added":["new.go"],"modified":[],"removed":[]},{"added":[],"modified":["docs/a.md"],"removed":[]}]}`
	gitlabCut      = `{"object_kind":"push","ref":"refs/heads/main","after":"a1","total_commits_count":21,"commits":[{"added":["new.go"],"modified":[],"removed":[]}]}`
	gitea          = `{"ref":"refs/heads/main","after":"a1","total_commits":1,"head_commit":{"id":"a1"},"commits":[{"added":["new.go"],"modified":null,"removed":null}]}`
	giteaCut       = `{"ref":"refs/heads/main","after":"a1","total_commits":6,"head_commit":{"id":"a1"},"commits":[{"added":["new.go"],"modified":null,"removed":null}]}`
	gogs           = `{"ref":"refs/heads/main","after":"a1","commits":[{"added":["new.go"],"modified":null,"removed":null}]}`
	gogsFull       = `{"ref":"refs/heads/main","after":"a1","commits":[{"added":["new.go"]},{"added":[]},{"added":[]},{"added":[]},{"added":[]}]}`
	bitbucket      = `{"push":{"changes":[{"new":{"type":"branch","name":"main"},"commits":[{"hash":"a1"}]}]}}`
	bitbucket2     = `{"push":{"changes":[{"new":{"type":"branch","name":"main"}},{"new":{"type":"branch","name":"dev"}},{"new":{"type":"tag","name":"v1"}}]}}`
	bitbucketGone  = `{"push":{"changes":[{"old":{"type":"branch","name":"main"},"new":null}]}}`
	bitbucketTag   = `{"push":{"changes":[{"new":{"type":"tag","name":"v1.2.0"}}]}}`
	dataCenter     = `{"eventKey":"repo:refs_changed","changes":[{"ref":{"id":"refs/heads/main","displayId":"main","type":"BRANCH"},"type":"UPDATE"}]}`
	dataCenterGone = `{"eventKey":"repo:refs_changed","changes":[{"ref":{"id":"refs/heads/main","displayId":"main","type":"BRANCH"},"type":"DELETE"}]}`
	pullRequest    = `{"action":"opened","pull_request":{"number":1}}`
)

// functionCases: what a condition with our functions makes of a payload.
var functionCases = []struct {
	when, payload, want string
}{
	{`branch() == "main"`, github, fires},
	{`branch() == "main"`, gitlab, fires},
	{`branch() == "main"`, gitea, fires},
	{`branch() == "main"`, gogs, fires},
	{`branch() == "main"`, bitbucket, fires},
	{`branch() == "main"`, dataCenter, fires},
	{`branch() == "a/b"`, `{"ref":"refs/heads/a/b"}`, fires},
	{`branch() == nil`, `{"ref":"refs/tags/v1"}`, fires},
	{`branch() == nil`, `{"ref":"main","ref_type":"branch"}`, fires}, // creating a branch is no push
	{`branch() == nil`, `{"ref":"refs/heads/main","deleted":true}`, fires},
	{`branch() == nil`, `{"ref":"refs/heads/main","after":"0000000000000000000000000000000000000000"}`, fires},
	{`branch() == nil`, bitbucketGone, fires},
	{`branch() == nil`, dataCenterGone, fires},
	{`branch() == nil`, bitbucketTag, fires},
	{`branch() == nil && tag() == nil`, pullRequest, fires},
	{`branch() == nil`, ``, fires},
	{`branch() == "main"`, bitbucket2, fails}, // or the other?
	{`tag() == "v1"`, bitbucket2, fires},
	{`branch() == "main"`, `{"ref":5}`, fails},
	{`branch() == "main"`, `[{"ref":"refs/heads/main"}]`, fails},
	{`branch() == "main"`, `{"push":{"changes":[{"new":{"type":"branch","name":5}}]}}`, fails},
	{`branch() startsWith "x"`, pullRequest, fails},
	{`!(branch() startsWith "x")`, pullRequest, fails},
	{`branch() in ["main", "dev"]`, github, fires},
	{`any(["main"], branch() == #)`, github, fires},
	{`tag() == "v1.2.0"`, `{"ref":"refs/tags/v1.2.0"}`, fires},
	{`tag() == "v1.2.0"`, bitbucketTag, fires},
	{`tag() == nil`, github, fires},

	// A function is one only where it is called.
	{`branch == "b" && tag.x == 1 && semver == 2 && glob == 3 && touched && ip_in == nil`, `{"branch":"b","tag":{"x":1},"semver":2,"glob":3,"touched":true}`, fires},
	{`branch == "b" && branch() == nil`, `{"branch":"b"}`, fires},

	{`touched("docs/**")`, github, fires},
	{`touched("docs/**")`, gitlab, fires},
	{`touched("*.go")`, gitea, fires},
	{`touched("*.go")`, gogs, fires},
	{`touched("old/*")`, github, fires}, // removed
	{`touched("*.md")`, github, fires},
	{`touched("nothing", "*.go")`, github, fires},
	{`touched("nothing")`, github, stays},
	{`touched("nothing")`, gitlab, stays},
	{`touched("nothing")`, gitea, stays},
	{`touched("nothing")`, gogs, stays},
	{`touched("**", "!docs/**", "!*.md", "!old/**")`, github, fires}, // new.go
	{`touched("**/*.md", "!docs/**")`, github, fires},                // README.md
	{`touched("docs/**", "!docs/*.md")`, github, stays},
	{`touched("docs/**", "!docs/**", "docs/a.*")`, github, fires},
	{`touched(want)`, `{"want":"*.go","commits":[{"added":["a.go"]}],"head_commit":{"id":"a"}}`, fires},
	{`touched(want)`, `{"want":"!*.go","commits":[{"added":["a.go"]}],"head_commit":{"id":"a"}}`, stays},
	{`touched(want)`, `{"want":["*.go"],"commits":[]}`, fails},
	{`touched(want)`, `{"commits":[]}`, fails},
	{`touched("*")`, `{"commits":[],"head_commit":null}`, stays},
	// What is not listed is not taken for untouched.
	{`touched("*.go")`, gitlabCut, fires},
	{`touched("nothing")`, gitlabCut, fails},
	{`!touched("nothing")`, gitlabCut, fails},
	{`touched("nothing")`, giteaCut, fails},
	{`touched("nothing")`, gogsFull, fails},
	{`touched("*.go")`, gogsFull, fires},
	{`touched("*")`, bitbucket, fails},
	{`!touched("*")`, bitbucket, fails},
	{`touched("*")`, dataCenter, fails},
	{`touched("*")`, pullRequest, fails},
	{`touched("*")`, ``, fails},
	{`touched("*")`, `{"changes":{"title":{"from":"x"}}}`, fails},
	{`branch() == nil`, `{"changes":{"title":{"from":"x"}}}`, fires},
	{`touched("*")`, `{"commits":5}`, fails},
	{`touched("*")`, `{"commits":[5]}`, fails},
	{`touched("*")`, `{"commits":[{"id":"a"}]}`, fails},
	{`touched("*")`, `{"commits":[{"added":"a"}]}`, fails},
	{`touched("*")`, `{"commits":[{"added":[5]}]}`, fails},
	{`touched("nothing")`, `{"head_commit":{"id":"a"},"commits":[{}` + strings.Repeat(`,{"added":[]}`, 2048) + `]}`, fails},
	{`touched("nothing")`, `{"head_commit":{"id":"a"},"commits":[{"added":[]}` + strings.Repeat(`,{"added":[]}`, 2047) + `]}`, fails},
	{`touched("nothing")`, `{"head_commit":{"id":"a"},"commits":[{"added":[]}` + strings.Repeat(`,{"added":[]}`, 2046) + `]}`, stays},
	{`touched("nothing")`, `{"head_commit":{"id":"a"},"commits":[{"added":["a"` + strings.Repeat(`,"a"`, 2999) + `]}]}`, fails},

	{`glob("release/*", branch() ?? "")`, `{"ref":"refs/heads/release/1"}`, fires},
	{`glob("refs/**", ref)`, github, fires},
	{`glob(p, ref)`, `{"p":"refs/*/main","ref":"refs/heads/main"}`, fires},
	{`glob(p, ref)`, `{"p":"[","ref":"refs/heads/main"}`, fails},
	{`glob(p, ref)`, `{"ref":"refs/heads/main"}`, fails},
	{`glob("*", ref)`, `{}`, fails},
	{`!glob("*", ref)`, `{"ref":null}`, fails},
	{`glob("*", n)`, `{"n":5}`, fails},

	{`semver(tag(), ">=1.2 <2")`, `{"ref":"refs/tags/v1.2.0"}`, fires},
	{`semver(v, "^1.2")`, `{"v":"1.10"}`, fires},
	{`semver(v, "~1.2")`, `{"v":"1.3.0"}`, stays},
	{`semver(v, ">=1")`, `{"v":"v2.0.0-rc.1"}`, stays},
	{`semver(v, ">=1-0")`, `{"v":"v2.0.0-rc.1"}`, fires},
	{`semver(v, "<1 || >=3")`, `{"v":"3.0.0"}`, fires},
	{`semver(v, c)`, `{"v":"3.0.0","c":">2"}`, fires},
	{`semver(v, c)`, `{"v":"3.0.0","c":"newest"}`, fails},
	{`semver(v, c)`, `{"v":"3.0.0"}`, fails},
	{`!semver(v, ">1")`, `{"v":"nightly"}`, fails},
	{`!semver(tag(), ">1")`, github, fails},
	{`semver(v, ">1")`, `{"v":2}`, fails},

	{`ip_in(request.remote_ip, "192.0.2.0/24")`, ``, fires},
	{`ip_in(request.remote_ip, "10.0.0.0/8", "192.0.2.7")`, ``, fires},
	{`ip_in(request.remote_ip, "10.0.0.0/8")`, ``, stays},
	{`ip_in(ip, "10.0.0.0/8")`, `{"ip":"::ffff:10.0.0.1"}`, fires},
	{`ip_in(ip, "::ffff:10.0.0.0/104")`, `{"ip":"10.9.9.9"}`, fires},
	{`ip_in(ip, "fe80::/10")`, `{"ip":"fe80::1%eth0"}`, fires},
	{`ip_in(ip, "2001:db8::/32")`, `{"ip":"2001:DB8:1::5"}`, fires},
	{`ip_in(ip, "0.0.0.0/0")`, `{"ip":"2001:db8::1"}`, stays},
	{`ip_in(ip, ["10.0.0.0/8", "fd00::/8"])`, `{"ip":"fd00::1"}`, fires},
	{`ip_in(ip, nets)`, `{"ip":"fd00::1","nets":["fd00::/8"]}`, fires},
	{`ip_in(ip, nets)`, `{"ip":"fd00::1","nets":["fd00::/8000"]}`, fails},
	{`ip_in(ip, nets)`, `{"ip":"fd00::1","nets":[5]}`, fails},
	{`ip_in(ip, nets)`, `{"ip":"fd00::1"}`, fails},
	{`!ip_in(ip, "::/0")`, `{}`, fails},
	{`!ip_in(ip, "::/0")`, `{"ip":"10.0.0.1:80"}`, fails},
	{`!ip_in(ip, "::/0")`, `{"ip":"localhost"}`, fails},

	// expr's own, made safe.
	{`join(list) == "ab" && join(list, "-") == "a-b"`, `{"list":["a","b"]}`, fires},
	{`join(split(ref, "/"), "-") == "a-b"`, `{"ref":"a/b"}`, fires},
	{`join(list) == ""`, `{"list":["a",1]}`, fails},
	{`repeat(s, 3) == "xxx"`, `{"s":"x"}`, fires},
	{`repeat(s, n) == "xxx"`, `{"s":"x","n":-1}`, fails},
	{`replace(s, "a", "b") == "bb" && replace(s, "a", "b", 1) == "ba"`, `{"s":"aa"}`, fires},
	{`trim(s) == "a" && trim(s, " a") == ""`, `{"s":" a "}`, fires},
	{`(s | trim() | upper()) == "A"`, `{"s":" a "}`, fires},
	{`trim(s) == ""`, `{}`, fails},
}

func TestFunctions(t *testing.T) {
	for _, c := range functionCases {
		t.Run(c.when+" "+c.payload[:min(len(c.payload), 60)], func(t *testing.T) {
			compiled, err := compileExpression(c.when)
			if err != nil {
				t.Fatal(err)
			}
			// As in a hook, only what the condition reads is there.
			r := push(c.payload)
			payload, err := payloadOf(r, reading{content: contentJSON}, &compiled.fields)
			if err != nil {
				t.Fatal(err)
			}
			matched, err := compiled.holds(environment{Payload: payload, Request: &requestView{request: r, hook: &Hook{}}})
			if got := outcome(matched, err); got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, err)
			}
		})
	}
}

// What an error says stands in the delivery, for people.
func TestFunctionErrors(t *testing.T) {
	for _, c := range []struct{ when, payload, want string }{
		{`glob("*", head.name)`, `{}`, `head.name is missing, and glob needs a text`},
		{`semver(tag(), "1")`, `{}`, `tag() is missing, and semver needs a text`},
		{`branch() contains "x"`, `{}`, `branch() is missing, and contains needs a text; (branch() ?? "")`},
		{`upper(ref) + b matches p`, `{"ref":"x","b":"y"}`, `p is missing, and matches needs a text`},
		{`touched("*")`, bitbucket, `Bitbucket does not list them in a push`},
		{`touched("x")`, gitlabCut, `touched cannot say no: the payload lists 1 of 21 commits`},
		{`branch() == "x"`, bitbucket2, `the push is for the text "main" and the text "dev" at once`},
	} {
		compiled, err := compileExpression(c.when)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = compiled.holds(envOf(t, push(c.payload))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.when, err, c.want)
		}
	}
}

// globCases: which texts a glob takes.
var globCases = []struct {
	glob       string
	takes, not []string
}{
	{"*", []string{"", "a", "a.b", ".hidden"}, []string{"a/b", "/"}},
	{"**", []string{"", "a", "a/b/c"}, nil},
	{"docs/**", []string{"docs/a", "docs/a/b"}, []string{"docs", "xdocs/a"}},
	{"**/x", []string{"x", "a/x", "a/b/x"}, []string{"ax", "a/xx"}},
	{"a/**/b", []string{"a/b", "a/x/b", "a/x/y/b"}, []string{"ab", "a/xb"}},
	{"**.js", []string{"a.js", "a/b.js"}, []string{"a.ts"}},
	{"release-?.*", []string{"release-1.0"}, []string{"release-/.0", "release-10.0"}},
	{"[a-c]x", []string{"ax", "cx"}, []string{"dx", "-x"}},
	{"[!a-c]x", []string{"dx"}, []string{"ax", "/x"}},
	{"[^a]", []string{"b"}, []string{"a", "/"}},
	{"[]a]", []string{"]", "a"}, []string{"b"}},
	{"[a-]", []string{"a", "-"}, []string{"b"}},
	{"[+-9]", []string{"5", "."}, []string{"/"}},
	{"[/]", nil, []string{"/", ""}},
	{`[\]]`, []string{"]"}, []string{`\`}},
	{"{main,release/*}", []string{"main", "release/1"}, []string{"release/1/2", "dev"}},
	{"a{,b,c{d,e}}", []string{"a", "ab", "acd", "ace"}, []string{"ac"}},
	{"{**/a,b}", []string{"a", "x/a", "b"}, []string{"x/b"}},
	{`\*\{a\,b\}`, []string{"*{a,b}"}, []string{"xa"}},
	{"a.b+c(d)|e$^", []string{"a.b+c(d)|e$^"}, []string{"axb+c(d)|e$^"}},
	{"ü?", []string{"üé"}, []string{"üée"}},
	{"a,b}", []string{"a,b}"}, nil},
	{"a*\n", []string{"ab\n"}, []string{"ab"}},
}

func TestGlob(t *testing.T) {
	for _, c := range globCases {
		p, err := compileGlob(c.glob)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range c.takes {
			if !p.program.MatchString(s) {
				t.Errorf("%q does not take %q (%s)", c.glob, s, p.program)
			}
		}
		for _, s := range c.not {
			if p.program.MatchString(s) {
				t.Errorf("%q takes %q (%s)", c.glob, s, p.program)
			}
		}
	}
}

// FuzzGlob: whatever a glob is, it is refused or compiled, no * takes a slash,
// and with everything escaped a text takes itself and nothing else.
func FuzzGlob(f *testing.F) {
	for _, c := range globCases {
		f.Add(c.glob, strings.Join(c.takes, "/"))
	}
	f.Fuzz(func(t *testing.T, glob, text string) {
		if len(glob) > maxPattern {
			return
		}
		p, err := compileGlob(glob)
		if err == nil && !strings.Contains(glob, "/") && !strings.Contains(glob, "**") &&
			strings.Contains(text, "/") && p.program.MatchString(text) {
			t.Errorf("%q takes %q, which has a slash", glob, text)
		}
		text = strings.ToValidUTF8(text, "")
		escaped, err := compileGlob(regexp.MustCompile(`(?s).`).ReplaceAllString(text, `\$0`))
		if err != nil || !escaped.program.MatchString(text) || escaped.program.MatchString(text+"x") {
			t.Errorf("%q escaped does not take itself alone: %v", text, err)
		}
	})
}
