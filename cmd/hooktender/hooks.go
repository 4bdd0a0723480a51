package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/runner"
)

// shownHook is a hook as the API shows it.
type shownHook struct {
	Path     string
	Rules    []string
	Paused   bool
	PausedBy string    `json:"paused_by"`
	PausedAt time.Time `json:"paused_at"`
	Queued   int
	Waiting  int
	Running  int
	LastRun  *runner.Run `json:"last_run"`
}

func hooksCommand() *cobra.Command {
	var c client
	list := hooksListCommand(&c)
	cmd := &cobra.Command{
		Use:   "hooks",
		Short: "Show the hooks, and pause or resume them",
		Args:  exactly(0),
		RunE:  list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	addClientFlags(cmd, &c)
	cmd.AddCommand(list,
		pauseCommand(&c, "pause", "Let the runs of hooks wait: what arrives is accepted and queued, what runs goes on"),
		pauseCommand(&c, "resume", "Let the runs of paused hooks begin, in their order"))
	return cmd
}

func hooksListCommand(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the hooks with what they have to do",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			if err := c.get(cmd.Context(), "/api/hooks", nil, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var list []shownHook
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			return table(cmd.OutOrStdout(), "HOOK RULES PAUSED QUEUED WAITING RUNNING LAST_RUN", hookRows(list))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func hookRows(list []shownHook) [][]string {
	rows := make([][]string, len(list))
	for i, h := range list {
		last := ""
		if h.LastRun != nil {
			last = fmt.Sprintf("%d %s %s", h.LastRun.ID, shownState(h.LastRun), local(h.LastRun.QueuedAt))
		}
		rows[i] = []string{h.Path, shorten(strings.Join(h.Rules, ", "), 60), pausedBy(h),
			strconv.Itoa(h.Queued), strconv.Itoa(h.Waiting), strconv.Itoa(h.Running), last}
	}
	return rows
}

func pausedBy(h shownHook) string {
	switch {
	case h.PausedBy != "":
		return fmt.Sprintf("by %s, %s", h.PausedBy, local(h.PausedAt))
	case h.Paused:
		return "in the file"
	}
	return ""
}

func pauseCommand(c *client, do, short string) *cobra.Command {
	return &cobra.Command{
		Use:   do + " HOOK…",
		Short: short,
		Args:  usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, hook := range args {
				var said struct{ Paused, Changed bool }
				if err := c.post(cmd.Context(), "/api/hooks/"+do, url.Values{"hook": {hook}}, &said); err != nil {
					return err
				}
				state, already := "goes on", ""
				if said.Paused {
					state = "is paused"
				}
				if !said.Changed {
					already = " already"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s%s\n", hook, state, already)
			}
			return nil
		},
	}
}
