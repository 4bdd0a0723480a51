package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
	_ "time/tzdata" // a machine without the zones has the schedules of all of them nevertheless

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/watch"
)

func watchesCommand() *cobra.Command {
	var c client
	list := watchesListCommand(&c)
	cmd := &cobra.Command{
		Use:   "watches",
		Short: "Show how everything stands that is watched",
		Args:  exactly(0),
		RunE:  list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	addClientFlags(cmd, &c)
	cmd.AddCommand(list)
	return cmd
}

func watchesListCommand(c *client) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the watches with what they look at, and how that stands",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			if err := c.get(cmd.Context(), "/api/watches", nil, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var list []watch.Status
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			return table(cmd.OutOrStdout(), "WATCH KIND OF STATE SINCE LOOKED NEXT ERROR", watchRows(list))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func watchRows(list []watch.Status) [][]string {
	rows := make([][]string, len(list))
	for i, s := range list {
		fault := s.Error
		if s.Owed > 0 {
			fault = fmt.Sprintf("%d events wait to be taken; %s", s.Owed, cmp.Or(fault, "the log says why"))
		}
		rows[i] = []string{s.Watch, s.Kind, s.Of, s.State, localOf(s.Since), localOf(s.LookedAt), localOf(s.NextAt), shorten(fault, 80)}
	}
	return rows
}

func localOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return local(*t)
}
