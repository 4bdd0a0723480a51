package runner

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

func TestUnmetDemands(t *testing.T) {
	demands := []rules.Demand{
		{Hook: "/a", Rule: "one", Limits: rules.Limits{Memory: 1 << 20, Processes: 5}},
		{Hook: "/a", Rule: "two", Limits: rules.Limits{CPU: 2}},
		{Hook: "/b", Rule: "three", User: "no-such-user"},
		{Hook: "/b", Rule: "four", User: stranger},
	}
	const (
		unknown = `hook "/b", rule "three": user no-such-user does not exist on this machine (it has to be in /etc/passwd)`
		cpu     = `hook "/a", rule "two": limits.cpu has no effect, because the server has no control groups with the cpu controller`
	)
	want := []string{cpu, unknown + "; its runs will fail"}
	if os.Geteuid() != 0 {
		for i, user := range []string{"no-such-user", stranger} {
			said := about(demands[2+i], "the server is not root, so it cannot become user "+user+"; start it as root, or take user: out of the rule; its runs will fail")
			want = append(want[:1+i:1+i], said)
		}
	}
	if got := Unmet(demands, nil); !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
