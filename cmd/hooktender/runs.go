package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/runner"
)

func runsCommand() *cobra.Command {
	var c client
	list := runsListCommand(&c)
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Show what ran, and what it printed",
		Args:  exactly(0),
		RunE:  list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	addClientFlags(cmd, &c)
	cmd.AddCommand(list, runsShowCommand(&c), runsLogsCommand(&c), runsCancelCommand(&c),
		runsApproveCommand(&c), runsRejectCommand(&c), runsRerunCommand(&c))
	return cmd
}

func runsListCommand(c *client) *cobra.Command {
	var l listing
	var delivery int64
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := l.query("state")
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("delivery") {
				q.Set("delivery", strconv.FormatInt(delivery, 10))
			}
			var raw json.RawMessage
			if err := c.get(cmd.Context(), "/api/runs", q, &raw); err != nil {
				return err
			}
			if l.json {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var list []runner.Run
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			return table(cmd.OutOrStdout(), "ID QUEUED HOOK RULE STATE TOOK DELIVERY ACTION ERROR", runRows(list))
		},
	}
	l.add(cmd, "state")
	cmd.Flags().Int64Var(&delivery, "delivery", 0, "only those of this delivery")
	return cmd
}

func runRows(list []runner.Run) [][]string {
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = []string{strconv.FormatInt(r.ID, 10), local(r.QueuedAt), r.Hook, r.Rule, shownState(&r),
			took(&r), strconv.FormatInt(r.Delivery, 10), r.Action, shorten(r.Error, 60)}
	}
	return rows
}

// shownState tells those that wait for a person from those that wait for their time.
func shownState(r *runner.Run) string {
	if r.Hold != "" {
		return string(r.State) + " (" + string(r.Hold) + ")"
	}
	return string(r.State)
}

func took(r *runner.Run) string {
	if r.StartedAt == nil || r.FinishedAt == nil {
		return ""
	}
	took := r.FinishedAt.Sub(*r.StartedAt)
	if took < 0 {
		return "" // the clock was set back meanwhile
	}
	return took.Round(time.Millisecond).String()
}

// shownRun is a run as the API shows one.
type shownRun struct {
	runner.Run
	Audit []runner.AuditEntry
}

func runsShowCommand(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show N",
		Short: "Show one run: its command, its environment, how it ended",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := id(args[0])
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/runs/%d", n), nil, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var r shownRun
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			printRun(cmd.OutOrStdout(), &r.Run)
			printAudit(cmd.OutOrStdout(), r.Audit)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
