package runner

import (
	"fmt"

	"github.com/hooktender/hooktender/rules"
)

// Unmet says, a sentence each, which of the rules' demands cannot be met by a
// server that runs as this process does. Its runs fail, or run without the limit.
func Unmet(demands []rules.Demand, groups *Cgroups) (sentences []string) {
	for _, d := range demands {
		if _, err := as(d.User); err != nil {
			sentences = append(sentences, about(d, err.Error()+"; its runs will fail"))
		}
		if d.Limits.CPU > 0 && !groups.has("cpu") {
			sentences = append(sentences, about(d, "limits.cpu has no effect, because the server has no control groups with the cpu controller"))
		}
	}
	return sentences
}

func about(d rules.Demand, what string) string {
	return fmt.Sprintf("hook %q, rule %q: %s", d.Hook, d.Rule, what)
}
