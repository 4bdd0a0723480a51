package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

// defaultFile is the configuration of a command that names none.
const defaultFile = "hooktender.yaml"

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE|DIR]",
		Short: "Say all that is wrong with a configuration",
		Long: `Check reads a configuration as serve does and prints every problem as
file:line:col: where: what. It exits with 1 if there is any.`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd, fileOf(args)) },
	}
}

func fileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultFile
}

// loadConfig loads a configuration. The error is rules.Problems if it could be
// read at all.
func loadConfig(path string) (*rules.Config, error) { return explainLoad(path, rules.Load) }

// loadToExplain does so on a machine that need not have the secrets.
func loadToExplain(path string) (*rules.Config, error) { return explainLoad(path, rules.LoadToExplain) }

func explainLoad(path string, load func(string) (*rules.Config, error)) (*rules.Config, error) {
	config, err := load(path)
	var problems rules.Problems
	switch {
	case err == nil || errors.As(err, &problems):
		return config, err
	case errors.Is(err, fs.ErrNotExist) && path == defaultFile:
		return nil, fmt.Errorf("there is no %s here; name a file or folder, or see `hooktender demo`", defaultFile)
	}
	return nil, fmt.Errorf("read the configuration: %w", err)
}

func check(cmd *cobra.Command, path string) error {
	config, err := loadConfig(path)
	var problems rules.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(cmd.OutOrStdout(), problems)
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", counted(len(problems), "problem"))
		return silent(exitNo)
	}
	if err != nil {
		return err
	}
	noteDemands(cmd.ErrOrStderr(), config.Set.Demands())
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, no problems\n", path, counted(len(config.Set.Hooks()), "hook"))
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
