package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/runner"
)

func runsCancelCommand(c *client) *cobra.Command {
	return toRunCommand(c, "cancel", "End a run: a queued one never starts, a running one gets TERM, its grace, KILL", "is being canceled")
}

func runsApproveCommand(c *client) *cobra.Command {
	return toRunCommand(c, "approve", "Let a run begin that waits for somebody to say yes", "is approved")
}

func runsRejectCommand(c *client) *cobra.Command {
	return toRunCommand(c, "reject", "Say no to a run that waits for somebody: it never begins", "is rejected")
}

// toRunCommand makes a command that does something to runs. It goes on after one
// to which it cannot be done.
func toRunCommand(c *client, do, short, done string) *cobra.Command {
	return &cobra.Command{
		Use:   do + " N…",
		Short: short,
		Args:  usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return each(cmd, args, func(n int64) error {
				var said struct{}
				if err := c.post(cmd.Context(), fmt.Sprintf("/api/runs/%d/%s", n, do), nil, &said); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "run %d %s\n", n, done)
				return nil
			})
		},
	}
}

// each calls do with the id that each argument is. It goes on after an error, and
// returns the first.
func each(cmd *cobra.Command, args []string, do func(int64) error) (first error) {
	ids := make([]int64, len(args))
	for i, arg := range args {
		n, err := id(arg)
		if err != nil {
			return err
		}
		ids[i] = n
	}
	for _, n := range ids {
		err := do(n)
		switch {
		case err != nil && first == nil:
			first = err
		case err != nil:
			fmt.Fprintln(cmd.ErrOrStderr(), "hooktender:", err)
		}
	}
	return first
}

func runsRerunCommand(c *client) *cobra.Command {
	var current bool
	cmd := &cobra.Command{
		Use:   "rerun N…",
		Short: "Run again what a run ran, on the same payload",
		Long: `Rerun makes a new run of the same delivery. It has the command and the values of
then; with --current those that the rule of the same name has now. A rule with
approve: true asks again, and the policy of the run's group counts.`,
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if current {
				q.Set("current", "1")
			}
			return each(cmd, args, func(n int64) error {
				var said struct {
					ID    int64
					State runner.State
				}
				if err := c.post(cmd.Context(), fmt.Sprintf("/api/runs/%d/rerun", n), q, &said); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "run %d runs again as run %d: %s\n", n, said.ID, said.State)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&current, "current", false, "by the rule as it is now")
	return cmd
}

func auditCommand() *cobra.Command {
	var c client
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show what people did by hand: who, what and when, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []runner.AuditEntry
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			if err := c.get(cmd.Context(), "/api/audit", q, &list); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			rows := make([][]string, len(list))
			for i, e := range list {
				rows[i] = []string{local(e.At), e.Who, string(e.Did), e.Hook, number(e.Delivery), number(e.Run), e.Note}
			}
			return table(cmd.OutOrStdout(), "AT WHO DID HOOK DELIVERY RUN NOTE", rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many")
	addClientFlags(cmd, &c)
	return cmd
}

func printAudit(w io.Writer, list []runner.AuditEntry) {
	for _, e := range list {
		text := fmt.Sprintf("%s by %s, %s", e.Did, e.Who, local(e.At))
		if e.Note != "" {
			text += ": " + e.Note
		}
		field(w, "by hand", text)
	}
}
