package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

// shownTrial is what try prints.
type shownTrial struct {
	Hook         string          `json:"hook"`
	Method       string          `json:"method"`
	Path         string          `json:"path"` // as requested, with its query
	Event        string          `json:"event"`
	EventID      string          `json:"event_id"`
	DedupeKey    string          `json:"dedupe_key,omitempty"`
	DedupeError  string          `json:"dedupe_error,omitempty"` // why there is no key
	Verified     *bool           `json:"verified"`               // null: not judged
	Verification string          `json:"verification"`
	Verdict      rules.Verdict   `json:"verdict"`
	Reason       string          `json:"reason"`
	Answer       server.Foretold `json:"answer"`
	Rules        []triedRule     `json:"rules"`
}

// triedRule is a rule and, if it fires, what would run. Secrets stay references.
type triedRule struct {
	rules.Decision
	Command     []string           `json:"command,omitempty"`
	Dir         string             `json:"dir,omitempty"`
	Env         map[string]string  `json:"env,omitempty"`
	Concurrency *rules.Concurrency `json:"concurrency,omitempty"`
	Throttle    *rules.Throttle    `json:"throttle,omitempty"`
	Debounce    *rules.Debounce    `json:"debounce,omitempty"`
	Actions     []triedAction      `json:"actions,omitempty"` // beside run
	Notify      []rules.Notice     `json:"notify,omitempty"`  // who is told what becomes of it

	follows consequence
}

// triedAction is what a rule does that is no process; one of them is not nil.
type triedAction struct {
	Action       string              `json:"action"`
	HTTP         *rules.HTTPCall     `json:"http,omitempty"`
	Status       *rules.CommitStatus `json:"status,omitempty"`
	Notification *rules.Notification `json:"notification,omitempty"`
}

func showTrial(h *rules.Hook, r *rules.Request, t *rules.Trial, told server.Foretold) *shownTrial {
	_, path := h.Mask(r)
	s := &shownTrial{Hook: h.Path, Method: r.Method, Path: path, Event: r.Event, EventID: r.ID, DedupeKey: r.Dedupe.Key, Verified: t.Verified,
		Verification: t.Proof, Verdict: t.Verdict, Reason: t.Reason, Answer: told, Rules: []triedRule{}}
	if r.Dedupe.Err != nil {
		s.DedupeError = r.Dedupe.Err.Error()
	}
	follows := map[string]consequence{}
	for _, f := range consequencesOf(t.Actions) {
		follows[f.rule] = f
	}
	for _, d := range t.Decisions {
		s.Rules = append(s.Rules, showRule(d, follows[d.Rule]))
	}
	return s
}

func showRule(d rules.Decision, f consequence) triedRule {
	r := triedRule{Decision: d, follows: f}
	if len(f.commands) > 0 {
		r.Notify = f.main().Tell
	}
	for _, cmd := range f.commands {
		if cmd.Action() == rules.ActionRun {
			r.showRun(cmd)
		} else {
			r.Actions = append(r.Actions, triedAction{cmd.Action(), cmd.HTTP, cmd.Status, cmd.Notification})
		}
		r.Concurrency, r.Throttle, r.Debounce = cmp.Or(r.Concurrency, cmd.Concurrency), cmd.Throttle, cmd.Debounce
	}
	return r
}

func (r *triedRule) showRun(cmd *rules.Command) {
	for _, a := range cmd.Argv {
		r.Command = append(r.Command, a.String())
	}
	if cmd.Script != "" {
		r.Command = append(append(r.Command, cmd.Shell...), cmd.Script)
	}
	r.Dir, r.Env = cmd.Dir, map[string]string{}
	for _, v := range cmd.Env {
		r.Env[v.Name] = v.Value.String()
	}
}

func printTrial(w io.Writer, s *shownTrial) {
	field(w, "hook", s.Hook)
	field(w, "request", strings.TrimSpace(s.Method+" "+s.Path))
	field(w, "event", strings.TrimSpace(s.Event+"  "+s.EventID))
	field(w, "known by", s.DedupeKey)
	if s.DedupeError != "" {
		field(w, "known by", "nothing, so it would be new each time: "+s.DedupeError)
	}
	field(w, "verified", verifiedText(s))
	field(w, "verdict", string(s.Verdict))
	if s.Reason != s.Verification {
		field(w, "reason", s.Reason)
	}
	if s.Answer.Status != 0 {
		field(w, "answer", strings.TrimSpace(strconv.Itoa(s.Answer.Status)+" "+string(s.Answer.Body)))
	}
	field(w, "", s.Answer.Note)
	if s.Verdict == rules.Rejected && len(s.Rules) > 0 {
		fmt.Fprintln(w, "\nIf it were let in:")
	}
	for _, r := range s.Rules {
		fmt.Fprintln(w)
		outcome := outcomeOf(r.Decision)
		if r.Matched {
			outcome = "fires"
		}
		field(w, "rule", r.Rule+": "+outcome)
		printTrace(w, r.Trace)
		for _, cmd := range r.follows.commands {
			printExecution(w, cmd)
		}
	}
}

func verifiedText(s *shownTrial) string {
	switch {
	case s.Verified == nil:
		return s.Verification
	case *s.Verified:
		return "yes, " + s.Verification
	}
	return "no, " + s.Verification
}

// printExecution shows what would run, and when it would not at once.
func printExecution(w io.Writer, cmd *rules.Command) {
	printCommand(w, cmd)
	if cmd.Approve {
		field(w, "approval", "waits until somebody says hooktender runs approve N")
	}
	if c := cmd.Concurrency; c != nil && cmd.Notification == nil && cmd.Status == nil {
		field(w, "group", fmt.Sprintf("%s (at most %d at once, busy: %s)", c.Group, c.Limit, c.Busy))
	}
	if t := cmd.Throttle; t != nil {
		field(w, "throttle", fmt.Sprintf("key %q: only if none has run within %v", t.Key, time.Duration(t.Every)))
	}
	if d := cmd.Debounce; d != nil {
		field(w, "debounce", fmt.Sprintf("key %q: after %v without another, at most after %v", d.Key, time.Duration(d.Quiet), time.Duration(d.Max)))
	}
}
