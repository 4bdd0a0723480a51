package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// shownDelivery is a delivery as the API shows it.
type shownDelivery struct {
	rules.Delivery
	Runs []struct {
		ID           int64
		Rule, Action string
		State        runner.State
		Attempt      int
	}
	Counts   struct{ Runs, Attempts, Succeeded, Failed, Open int }
	Untraced string // why there are no traces
	Audit    []runner.AuditEntry
}

func deliveriesCommand() *cobra.Command {
	var c client
	list := deliveriesListCommand(&c)
	cmd := &cobra.Command{
		Use:   "deliveries",
		Short: "Show what arrived, and what was made of it",
		Args:  exactly(0),
		RunE:  list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	addClientFlags(cmd, &c)
	cmd.AddCommand(list, deliveriesShowCommand(&c), deliveriesReplayCommand(&c))
	return cmd
}

func deliveriesListCommand(c *client) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := l.query("verdict")
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := c.get(cmd.Context(), "/api/deliveries", q, &raw); err != nil {
				return err
			}
			if l.json {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var list []shownDelivery
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			return table(cmd.OutOrStdout(), "ID RECEIVED HOOK EVENT VERDICT RUNS REASON", deliveryRows(list))
		},
	}
	l.add(cmd, "verdict")
	return cmd
}

func deliveryRows(list []shownDelivery) [][]string {
	rows := make([][]string, len(list))
	for i, d := range list {
		var runs []string
		for _, r := range d.Runs {
			runs = append(runs, fmt.Sprintf("%d:%s", r.ID, r.State))
		}
		const inARow = 3
		if more := len(runs) - inARow; more > 0 {
			runs = append(runs[:inARow], fmt.Sprintf("and %d more", more))
		}
		rows[i] = []string{strconv.FormatInt(d.ID, 10), local(d.ReceivedAt), d.Hook, d.Event,
			string(d.Verdict), strings.Join(runs, " "), shorten(d.Reason, 80)}
	}
	return rows
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func deliveriesShowCommand(c *client) *cobra.Command {
	var asJSON, body bool
	cmd := &cobra.Command{
		Use:   "show N",
		Short: "Show one delivery: its verdict, its rules, its headers",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := id(args[0])
			if err != nil {
				return err
			}
			path := fmt.Sprintf("/api/deliveries/%d", n)
			if body {
				return c.copy(cmd, path+"/body")
			}
			var raw json.RawMessage
			if err := c.get(cmd.Context(), path, nil, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), raw)
			}
			var d shownDelivery
			if err := json.Unmarshal(raw, &d); err != nil {
				return fmt.Errorf("read the server's answer: %w", err)
			}
			printDelivery(cmd.OutOrStdout(), d)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&body, "body", false, "print the body as it arrived, and nothing else")
	return cmd
}

// copy prints what the server sends, byte for byte.
func (c *client) copy(cmd *cobra.Command, path string) error {
	body, err := c.open(cmd.Context(), "GET", path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(cmd.OutOrStdout(), body)
	return err
}

func printDelivery(w io.Writer, d shownDelivery) {
	field(w, "delivery", strconv.FormatInt(d.ID, 10))
	field(w, "hook", d.Hook)
	field(w, "received", local(d.ReceivedAt))
	field(w, "from", d.RemoteIP)
	field(w, "request", d.Method+" "+d.Path)
	field(w, "event", strings.TrimSpace(d.Event+"  "+d.EventID))
	if d.Size < 0 {
		field(w, "body", "not read to its end")
	} else {
		field(w, "body", counted(int(d.Size), "byte"))
	}
	field(w, "verdict", string(d.Verdict))
	field(w, "reason", d.Reason)
	field(w, "known by", d.DedupeKey)
	field(w, "replay of", number(d.ReplayOf))
	for _, r := range d.Decisions {
		field(w, "rule", fmt.Sprintf("%s: %s", r.Rule, outcomeOf(r)))
		printTrace(w, r.Trace)
	}
	if d.Untraced != "" {
		field(w, "", "why is not known any more: "+d.Untraced)
	}
	for _, r := range d.Runs {
		field(w, "run", fmt.Sprintf("%d  %s  %s  %s  %s", r.ID, r.Rule, r.Action, r.State, counted(r.Attempt, "attempt")))
	}
	field(w, "in all", sumOf(d))
	printAudit(w, d.Audit)
	for _, name := range slices.Sorted(maps.Keys(d.Header)) {
		field(w, "header", name+": "+strings.Join(d.Header[name], ", "))
	}
}

// sumOf says what the runs of a delivery came to; "" where there are none.
func sumOf(d shownDelivery) string {
	c := d.Counts
	if c.Runs == 0 {
		return ""
	}
	var came []string
	for _, part := range []struct {
		n    int
		what string
	}{{c.Succeeded, "succeeded"}, {c.Failed, "failed"}, {c.Open, "not over"}} {
		if part.n > 0 {
			came = append(came, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%s, %s: %s", counted(c.Runs, "run"), counted(c.Attempts, "attempt"), strings.Join(came, ", ")), ": ")
}

func outcomeOf(d rules.Decision) string {
	switch {
	case d.Error != "" && d.Trace != nil && d.Trace.Result == rules.Failed:
		return "could not be decided"
	case d.Error != "":
		return "could not be decided: " + d.Error
	case d.Matched:
		return "fired"
	case d.Trace != nil && d.Trace.Result == rules.NotAsked:
		return "was not asked"
	}
	return "did not match"
}
