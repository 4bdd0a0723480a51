// Package house holds the law of the house: who may import whom.
package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hooktender/hooktender/"

// rooms says which rooms each room may import, and why no others.
var rooms = map[string]struct {
	may []string
	why string
}{
	"rules/verify":   {nil, "verification must be readable on its own, with nothing but the standard library"},
	"rules":          {[]string{"rules/verify"}, "deciding is pure: it knows no process, no database and no network"},
	"runner":         {[]string{"rules"}, "running takes what is decided, and declares the store it needs"},
	"store":          {[]string{"rules", "runner"}, "the store fulfils what others declare, and calls nobody"},
	"server":         {[]string{"rules", "runner"}, "the doors ask through interfaces of their own"},
	"runner/notify":  {[]string{"rules", "runner", "outbound"}, "telling people is one way of performing a run"},
	"runner/call":    {[]string{"rules", "runner", "outbound"}, "calling others is one way of performing a run"},
	"outbound":       {nil, "how others are reached is one matter for all who do"},
	"watch":          {[]string{"rules", "outbound"}, "what nobody sends becomes an event like all others, and others take it from there"},
	"bench":          {[]string{"bench/past"}, "what is measured is asked from outside, as everybody asks"},
	"bench/bare":     {nil, "the limit is what the standard library can do"},
	"bench/past":     {nil, "a made-up past needs the database and nothing else"},
	"systemd":        {nil, "speaking to systemd needs nothing of ours"},
	"examples":       {nil, "examples are data"},
	"cmd/hooktender": {[]string{"rules", "rules/verify", "runner", "runner/notify", "runner/call", "outbound", "watch", "store", "server", "systemd", "examples"}, ""},
}

// onlyIn says in which rooms a package is known.
var onlyIn = map[string]struct {
	rooms []string
	why   string
}{
	"github.com/netresearch/go-cron":      {[]string{"rules"}, "what a crontab says is a detail of the rules; past them there are only times"},
	"gopkg.in/yaml.v3":                    {[]string{"rules"}, "YAML is how people write rules; past rules there are only compiled ones"},
	"github.com/expr-lang/expr":           {[]string{"rules"}, "the expression language is a detail of conditions and values"},
	"github.com/julienschmidt/httprouter": {[]string{"server"}, "the router is a detail of the doors"},
	"os/exec":                             {[]string{"runner", "bench", "bench/bare"}, "processes are started in one place, where their end is seen to; the measuring starts servers"},
	"database/sql":                        {[]string{"store", "bench/past"}, "SQL is a detail of the store, and of what fills it for measuring"},
	"modernc.org/sqlite":                  {[]string{"store", "bench/past"}, "SQL is a detail of the store, and of what fills it for measuring"},
	"github.com/spf13/cobra":              {[]string{"cmd/hooktender"}, "the command line is a detail of the command"},
}

// stdlibOnly are rooms that import nothing from outside the standard library.
var stdlibOnly = []string{"rules/verify", "bench/bare"}

func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(path.Dir(filepath.ToSlash(file)), imported); why != "" {
				t.Errorf("%s imports %s: %s", file, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forbidden says why a room may not import a package, "" if it may.
func forbidden(room, imported string) string {
	plan, known := rooms[room]
	if !known {
		return "the room " + room + " is not in the plan; add it here and to docs/architecture.md"
	}
	if other, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(plan.may, other) {
		return plan.why
	}
	foreign := strings.Contains(strings.Split(imported, "/")[0], ".")
	if foreign && slices.Contains(stdlibOnly, room) && !strings.HasPrefix(imported, module) {
		return plan.why
	}
	for pkg, law := range onlyIn {
		if (imported == pkg || strings.HasPrefix(imported, pkg+"/")) && !slices.Contains(law.rooms, room) {
			return law.why
		}
	}
	return ""
}

func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		room, imported string
		allowed        bool
	}{
		{"rules", module + "rules/verify", true},
		{"rules", module + "runner", false},
		{"rules", "os/exec", false},
		{"runner", "os/exec", true},
		{"store", module + "server", false},
		{"server", "database/sql", false},
		{"server", "gopkg.in/yaml.v3", false},
		{"rules", "github.com/expr-lang/expr/vm", true},
		{"rules/verify", "golang.org/x/sys/unix", false},
		{"bench", "os/exec", true},
		{"bench", "database/sql", false},
		{"bench", module + "store", false},
		{"kitchen", "fmt", false},
	} {
		if why := forbidden(c.room, c.imported); (why == "") != c.allowed {
			t.Errorf("%s imports %s: allowed should be %v, got %q", c.room, c.imported, c.allowed, why)
		}
	}
}
