package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
)

func reloadCommand() *cobra.Command {
	var c client
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running server read its configuration again",
		Long: `Reload asks the running server to read its configuration again and prints what
it said. If the file is broken the server goes on with the old one, every problem
is printed, and the exit code is 1.`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var said struct{ Message string }
			err := c.post(cmd.Context(), "/api/reload", nil, &said)
			if problems := (rules.Problems)(nil); errors.As(err, &problems) {
				fmt.Fprintln(cmd.ErrOrStderr(), problems)
				fmt.Fprintf(cmd.ErrOrStderr(), "%s; the server goes on with the old configuration\n", counted(len(problems), "problem"))
				return silent(exitNo)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), said.Message)
			return nil
		},
	}
	addClientFlags(cmd, &c)
	return cmd
}
