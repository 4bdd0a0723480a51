// Command hooktender receives webhooks, checks that they are genuine, decides by
// rules what they mean, and runs scripts.
//
// Each subcommand has a file of its own. serve.go is the wiring of the server;
// the commands that look at a running server speak to it through client.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// What a command's exit code says.
const (
	exitGood        = 0
	exitNo          = 1 // the answer is no, or it failed
	exitUsage       = 2 // the command was not written as it should be
	exitUnreachable = 3 // the server cannot be reached
)

// silent ends a command with a code when all has been said.
type silent int

func (silent) Error() string { return "the answer is no" }

// usageError is a mistake in how a command was written.
type usageError struct{ error }

func main() { os.Exit(run(os.Args[1:])) }

// run is the whole program but for the end of the process.
func run(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	return exitCode(root, root.ExecuteContext(context.Background()))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "hooktender",
		Short:         "Receives webhooks, checks that they are genuine, decides by rules, and runs scripts",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionText(),
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), checkCommand(), tryCommand(), testCommand(), sendCommand(), providersCommand(), reloadCommand(), demoCommand(),
		deliveriesCommand(), runsCommand(), hooksCommand(), watchesCommand(), auditCommand(), stateCommand(), schemaCommand(), versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = false
	return root
}

// exitCode prints an error and says which exit code it stands for. This is the
// one place where that is decided.
func exitCode(root *cobra.Command, err error) int {
	var quiet silent
	var usage usageError
	var unreachable unreachableError
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &quiet):
		return int(quiet)
	}
	fmt.Fprintln(root.ErrOrStderr(), "hooktender:", err)
	switch {
	case errors.As(err, &unreachable):
		return exitUnreachable
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitNo
}

// atMost makes a wrong number of arguments a usage error.
func atMost(n int) cobra.PositionalArgs { return usage(cobra.MaximumNArgs(n)) }

func exactly(n int) cobra.PositionalArgs { return usage(cobra.ExactArgs(n)) }

func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}
