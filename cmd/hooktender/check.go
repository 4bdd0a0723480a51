package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner/notify"
)

// defaultFile is the configuration of a command that names none.
const defaultFile = "hooktender.yaml"

// checkOptions are the flags of check.
type checkOptions struct {
	format    string
	json      bool
	strict    bool
	elsewhere bool
}

func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [FILE|DIR]",
		Short: "Say all that is wrong with a configuration, and what would fail later",
		Long: `Check reads a configuration as serve does and prints every problem as
file:line:col: where: what. Errors are what cannot work: what the server would not
start with, and scripts, folders and users that are not on this machine. Warnings
are what works and is hardly meant: a rule that is never reached, a field that the
provider does not send, a pattern without ^ and $, a secret that everybody on the
machine can read.

It exits with 1 if there is an error, and with --strict also if there is a warning.`,
		Example: `  hooktender check
  hooktender check --elsewhere --strict --format github   # in a workflow: not on the server itself`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd, fileOf(args), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "text", "text, json, or github for annotations in a workflow")
	flags.BoolVar(&o.json, "json", false, "the same as --format json")
	flags.BoolVar(&o.strict, "strict", false, "exit with 1 for warnings, too")
	flags.BoolVar(&o.elsewhere, "elsewhere", false, "the configuration is for another machine: do not look for its secrets, scripts, folders and users on this one")
	return cmd
}

func fileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultFile
}

// loadConfig loads a configuration that is to be looked at closer afterwards. The
// error is rules.Problems if it could be read at all.
func loadConfig(path string) (*rules.Config, *rules.Checking, error) {
	config, loaded, err := rules.LoadToCheck(path)
	return config, loaded, explainRead(path, err)
}

// loadToExplain does so on a machine that need not have the secrets.
func loadToExplain(path string) (*rules.Config, error) {
	config, err := rules.LoadToExplain(path)
	return config, explainRead(path, err)
}

// explainRead says of files that cannot be read what was to be done with them.
func explainRead(path string, err error) error {
	var problems rules.Problems
	switch {
	case err == nil || errors.As(err, &problems):
		return err
	case errors.Is(err, fs.ErrNotExist) && path == defaultFile:
		return fmt.Errorf("there is no %s here; name a file or folder, or see `hooktender demo`", defaultFile)
	}
	return fmt.Errorf("read the configuration: %w", err)
}

// inspect finds all that there is to say about a configuration, and with
// elsewhere nothing about this machine.
func inspect(path string, elsewhere bool) (*rules.Report, error) {
	report, err := rules.Check(path, samplesOf, elsewhere)
	if err != nil {
		return nil, explainRead(path, err)
	}
	if !elsewhere {
		addMachine(report)
	}
	return report, nil
}

// addMachine adds what there is to say about this machine.
func addMachine(report *rules.Report) {
	report.Problems = append(report.Problems, onThisMachine(report)...)
	report.Problems = append(report.Problems, placesOf(report.Config)...)
	report.Problems.Sort()
}

// placesOf says which places under notify cannot be told anything. Nobody is
// asked.
func placesOf(config *rules.Config) (problems rules.Problems) {
	if config == nil {
		return nil
	}
	for _, place := range config.Set.Channels() {
		if err := notify.Check(place, config.Set.Secret); err != nil {
			problems = append(problems, place.At.Problem(rules.Error, "%v", err))
		}
	}
	return problems
}

func check(cmd *cobra.Command, path string, o checkOptions) error {
	if o.json {
		o.format = "json"
	}
	write, ok := problemFormats[o.format]
	if !ok {
		return usageError{fmt.Errorf("--format: %q is not one of text, json and github", o.format)}
	}
	report, err := inspect(path, o.elsewhere)
	if err != nil {
		return err
	}
	if report.Config != nil && !o.elsewhere {
		noteDemands(cmd.ErrOrStderr(), report.Config.Set.Demands())
	}
	problems := report.Problems
	if err := write(cmd.OutOrStdout(), problems); err != nil {
		return err
	}
	if len(problems) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), countProblems(problems))
	} else if o.format == "text" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, no problems\n", path, contents(report.Config.Set))
	}
	if problems.Count(rules.Error) > 0 || o.strict && len(problems) > 0 {
		return silent(exitNo)
	}
	return nil
}

// advise logs how much check would say about a configuration that has just been
// taken. Its errors are those of this machine, which keep nothing else from
// working.
func advise(log *slog.Logger, loaded *rules.Checking) {
	defer debug.FreeOSMemory() // what was read of the files is not needed again
	defer func() {
		if cause := recover(); cause != nil { // advice must not end a server
			log.Error("looking at the configuration for what would fail panicked; please report this with the file", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	report, err := loaded.Report(samplesOf)
	if err != nil {
		log.Warn("the configuration could not be looked at for what would fail", "error", err)
		return
	}
	addMachine(report)
	if p := report.Problems; len(p) > 0 {
		log.Warn("`hooktender check` tells what would fail", "errors", p.Count(rules.Error), "warnings", p.Count(rules.Warning))
	}
}

// countProblems says how many there are: "1 error, 2 warnings".
func countProblems(problems rules.Problems) string {
	var parts []string
	for _, s := range []rules.Severity{rules.Error, rules.Warning} {
		if n := problems.Count(s); n > 0 {
			parts = append(parts, counted(n, s.String()))
		}
	}
	return strings.Join(parts, ", ")
}

// contents says how many hooks and watches there are.
func contents(s *rules.Set) string {
	if len(s.Watches()) == 0 {
		return counted(len(s.Hooks()), "hook")
	}
	watches := fmt.Sprintf("%d watches", len(s.Watches()))
	if len(s.Watches()) == 1 {
		watches = "1 watch"
	}
	return counted(len(s.Hooks()), "hook") + ", " + watches
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
