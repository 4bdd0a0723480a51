package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// openCgroups prepares control groups for the runs where the server may make
// any, and says how runs are ended.
func openCgroups(state string, log *slog.Logger) *runner.Cgroups {
	groups, why := runner.OpenCgroups(state)
	if why != nil {
		log.Info("runs are ended by process group, session and descent", "no_control_groups", why.Error())
		return nil
	}
	bounded := strings.Join(groups.Controllers(), ",")
	if bounded == "" {
		bounded = "none"
	}
	log.Info("runs are ended by control group", "controllers", bounded)
	return groups
}

func closeCgroups(groups *runner.Cgroups, log *slog.Logger) {
	if err := groups.Close(); err != nil {
		log.Warn("the control group is left behind", "error", err)
	}
}

// warnOfUnmet logs what rules want and this server cannot give.
func warnOfUnmet(c *rules.Config, groups *runner.Cgroups, log *slog.Logger) {
	for _, sentence := range runner.Unmet(c.Set.Demands(), groups) {
		log.Warn(sentence)
	}
}

// noteDemands writes what a configuration that is right may lack all the same:
// the server may run in another place than the one who checks.
func noteDemands(w io.Writer, demands []rules.Demand) {
	for _, d := range demands {
		if d.Limits.CPU > 0 {
			fmt.Fprintln(w, "note: limits.cpu needs a server with control groups; serve says when it starts whether it has them")
			return
		}
	}
}
