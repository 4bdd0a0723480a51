package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
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

func printRun(w io.Writer, r *runner.Run) {
	field(w, "run", strconv.FormatInt(r.ID, 10))
	field(w, "hook", r.Hook)
	field(w, "rule", r.Rule)
	if r.Action != rules.ActionRun {
		field(w, "action", r.Action)
	}
	field(w, "delivery", strconv.FormatInt(r.Delivery, 10))
	field(w, "state", string(r.State))
	field(w, "error", r.Error)
	field(w, "waits for", waitsFor(r))
	field(w, "attempt", strconv.Itoa(r.Attempt))
	if r.ExitCode != nil {
		field(w, "exit code", strconv.Itoa(*r.ExitCode))
	}
	field(w, "signal", r.Signal)
	field(w, "queued", local(r.QueuedAt))
	if r.StartedAt != nil {
		field(w, "started", local(*r.StartedAt))
	}
	field(w, "took", took(r))
	field(w, "rerun of", number(r.RerunOf))
	field(w, "tells of", number(r.TellsOf))
	if r.CausedBy > 0 {
		field(w, "caused by", fmt.Sprintf("run %d, %s before it", r.CausedBy, counted(r.Chain, "run")))
	}
	if r.Command != nil {
		printCommand(w, r.Command)
	}
}

// waitsFor says what a waiting run waits for.
func waitsFor(r *runner.Run) string {
	switch {
	case r.Hold == runner.HoldLoop:
		return fmt.Sprintf("somebody to approve or reject it: a loop? run %d caused it", r.CausedBy)
	case r.Hold != "":
		return "somebody to approve or reject it"
	case r.State == runner.Waiting && r.NotBefore != nil:
		return local(*r.NotBefore)
	}
	return ""
}

// number is "" for none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func printCommand(w io.Writer, cmd *rules.Command) {
	if cmd.Script != "" {
		field(w, "shell", strings.Join(cmd.Shell, " "))
		for line := range strings.Lines(cmd.Script) {
			field(w, "script", strings.TrimRight(line, "\n"))
		}
	}
	if len(cmd.Argv) > 0 {
		var argv []string
		for _, a := range cmd.Argv {
			argv = append(argv, strconv.Quote(a.String()))
		}
		field(w, "command", strings.Join(argv, " "))
	}
	printCall(w, cmd)
	field(w, "folder", cmd.Dir)
	field(w, "user", cmd.User)
	field(w, "limits", limitsOf(cmd))
	for _, v := range cmd.Env {
		field(w, "env", v.Name+"="+v.Value.String())
	}
	for _, n := range cmd.Tell {
		field(w, "then", tellsText(n))
	}
}

// printCall shows what is no process.
func printCall(w io.Writer, cmd *rules.Command) {
	if n := cmd.Notification; n != nil {
		field(w, "tells", n.To)
		field(w, "of", string(n.Moment))
		field(w, "address", n.Address)
		field(w, "message", n.Message.String())
	}
	if call := cmd.HTTP; call != nil {
		field(w, "request", call.Method+" "+call.URL.String())
		for _, h := range call.Headers {
			field(w, "header", h.Name+": "+h.Value.String())
		}
		if call.BodyAs == rules.BodyDelivery {
			field(w, "body", "that of the delivery")
		}
		field(w, "body", call.Body.String())
		field(w, "expects", call.Expect)
	}
	if s := cmd.Status; s != nil {
		field(w, "status", fmt.Sprintf("%s of %s %s on %s, as %s", s.State, s.Repository, s.Commit, s.Service, s.Context))
	}
}

// tellsText says who is told when, and what.
func tellsText(n rules.Notice) string {
	if s := n.Status; s != nil && s.Error != "" {
		return fmt.Sprintf("cannot set the status on %s: %s", s.Service, s.Error)
	} else if s != nil {
		return fmt.Sprintf("sets the status of %s %s on %s, as %s", s.Repository, s.Commit, s.Service, s.Context)
	}
	on := make([]string, len(n.On))
	for i, m := range n.On {
		on[i] = string(m)
	}
	who := n.To
	if n.Address != "" {
		who += " (" + n.Address + ")"
	}
	if n.Error != "" {
		return fmt.Sprintf("on %s cannot tell %s: %s", strings.Join(on, ", "), who, n.Error)
	}
	text := fmt.Sprintf("on %s tells %s", strings.Join(on, ", "), who)
	if m := n.Message.String(); m != "" {
		text += ": " + m
	}
	return text
}

// limitsOf says what the processes of a run may take.
func limitsOf(cmd *rules.Command) string {
	var list []string
	if l := cmd.Limits; l.Memory > 0 {
		list = append(list, fmt.Sprintf("memory %d MiB", l.Memory>>20))
	}
	if l := cmd.Limits; l.CPU > 0 {
		list = append(list, fmt.Sprintf("cpu %v", l.CPU))
	}
	if l := cmd.Limits; l.Processes > 0 {
		list = append(list, fmt.Sprintf("processes %d", l.Processes))
	}
	return strings.Join(list, ", ")
}

func runsLogsCommand(c *client) *cobra.Command {
	var follow, asJSON, times bool
	cmd := &cobra.Command{
		Use:   "logs N",
		Short: "Print what a run printed",
		Long: `Logs prints the output of a run as it was, standard error to standard error. With
-f it waits for more until the run has ended, and exits with 0 only if it succeeded.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := id(args[0])
			if err != nil {
				return err
			}
			var r runner.Run
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/runs/%d", n), nil, &r); err != nil {
				return err
			}
			if begins := follow && r.State == runner.Queued; r.Attempt == 0 && !asJSON && !begins {
				fmt.Fprintln(cmd.ErrOrStderr(), printable(notBegun(&r)))
			}
			if err := c.logs(cmd, n, follow, asJSON, times); err != nil || !follow {
				return err
			}
			if err := c.get(cmd.Context(), fmt.Sprintf("/api/runs/%d", n), nil, &r); err != nil {
				return err
			}
			if r.State != runner.Succeeded {
				fmt.Fprintf(cmd.ErrOrStderr(), "run %d: %s: %s\n", r.ID, r.State, printable(r.Error))
				return silent(exitNo)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more until the run has ended")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each piece, data in base64")
	cmd.Flags().BoolVarP(&times, "times", "t", false, "put time and stream in front of each piece")
	return cmd
}

// notBegun says of a run that has printed nothing why that is so.
func notBegun(r *runner.Run) string {
	text := fmt.Sprintf("run %d has not begun: it is %s", r.ID, shownState(r))
	switch {
	case r.Hold != "":
		return text + fmt.Sprintf("; hooktender runs approve %d lets it begin", r.ID)
	case r.Error != "":
		return text + ": " + r.Error
	}
	return text
}

// logs copies a run's output to where it belongs.
func (c *client) logs(cmd *cobra.Command, run int64, follow, asJSON, times bool) error {
	query := url.Values{}
	if follow {
		query.Set("follow", "1")
	}
	body, err := c.open(cmd.Context(), "GET", fmt.Sprintf("/api/runs/%d/output", run), query)
	if err != nil {
		return err
	}
	defer body.Close()
	if asJSON {
		_, err := io.Copy(cmd.OutOrStdout(), body)
		return err
	}
	attempt := 1
	for decoder := json.NewDecoder(body); ; {
		var line server.Line
		switch err := decoder.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the output breaks off: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
		if line.Attempt > attempt {
			attempt = line.Attempt
			fmt.Fprintf(cmd.ErrOrStderr(), "[attempt %d]\n", attempt)
		}
		if err := printLine(cmd, line, times); err != nil {
			return err
		}
	}
}

func printLine(cmd *cobra.Command, line server.Line, times bool) error {
	w := cmd.OutOrStdout()
	switch line.Stream {
	case runner.Stderr.String():
		w = cmd.ErrOrStderr()
	case runner.Gap.String():
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "\n[… %d bytes left out …]\n", line.Omitted)
		return err
	}
	if times {
		for text := range strings.Lines(string(line.Data)) {
			fmt.Fprintf(w, "%s %s  %s\n", line.Time.Local().Format("15:04:05.000"), line.Stream, strings.TrimRight(text, "\n"))
		}
		return nil
	}
	_, err := w.Write(line.Data)
	return err
}
