package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

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
