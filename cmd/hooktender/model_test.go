package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/runner"
)

// A modelKind is one hook of TestModel: its settings, and what docs/states.md
// allows its runs in consequence.
type modelKind struct {
	settings string
	prefix   string       // of the script
	busy     string       // of its groups; "" for none
	limit    int          // of its groups
	born     runner.State // of a run that is stored
	alone    bool         // at most one of a group or key waits
	tries    int          // attempts that fail, at most; 0: it is not tried again
	stops    bool         // a timeout may end it
	fails    bool         // on_interrupt: fail
}

const modelKeys = 2 // groups of each hook, and keys of throttle and debounce

var modelKinds = map[string]modelKind{
	"plain":    {born: runner.Queued},
	"queue":    {settings: `concurrency: {group: "queue {{ key }}"}`, busy: "queue", limit: 1},
	"pair":     {settings: `concurrency: {group: "pair {{ key }}", limit: 2}`, busy: "queue", limit: 2},
	"skip":     {settings: `concurrency: {group: "skip {{ key }}", busy: skip}`, busy: "skip", limit: 1},
	"latest":   {settings: `concurrency: {group: "latest {{ key }}", busy: latest}`, busy: "latest", limit: 1, alone: true},
	"replace":  {settings: `concurrency: {group: "replace {{ key }}", busy: replace}`, busy: "replace", limit: 1, alone: true},
	"throttle": {settings: `throttle: {every: 100ms, by: "{{ key }}"}`},
	"debounce": {settings: `debounce: {quiet: 40ms, max: 150ms, by: "{{ key }}"}`, born: runner.Waiting, alone: true},
	"retry":    {settings: `retry: {attempts: 3, delay: 30ms, on: [9]}`, tries: 3},
	"again": {settings: `retry: {attempts: 2, delay: 30ms}` + "\n        " + `concurrency: {group: "again {{ key }}", busy: latest}`,
		busy: "latest", limit: 1, alone: true, tries: 2},
	"timeout": {settings: `timeout: 70ms`, stops: true},
	"stubborn": {settings: `timeout: 40ms` + "\n        grace: 80ms\n        " + `retry: {attempts: 3, delay: 20ms, on: [timeout]}`,
		prefix: `trap "" TERM; `, tries: 3, stops: true},
	"fail": {settings: `on_interrupt: fail`, fails: true},
}

// modelScript tells the journal what really happens. How long it takes, and in
// how many attempts it fails with which code, the event says.
const modelScript = `say() { echo "$1 $HOOKTENDER_RUN $HOOKTENDER_ATTEMPT" >>"$JOURNAL"; }; say begin; ` +
	`sleep "$SLEEP"; say middle; sleep "$SLEEP"; [ "$HOOKTENDER_ATTEMPT" -gt "$FAILS" ] || { say fail; exit "$CODE"; }; say end`

func modelConfig(journal string) string {
	var b strings.Builder
	b.WriteString("server: {max_running: 6, max_queued: 100000}\nhooks:\n")
	for name, k := range modelKinds {
		fails := "{{ fails }}"
		if !k.failing() {
			fails = "0"
		}
		fmt.Fprintf(&b, "  /%[1]s:\n    verify: {bearer: %[2]q}\n    rules:\n      - name: %[1]s\n        run: '%[3]s'\n"+
			"        env: {JOURNAL: %[4]q, SLEEP: '{{ sleep }}', FAILS: '%[6]s', CODE: '{{ code }}'}\n        %[5]s\n",
			name, testSecret, k.prefix+modelScript, journal, k.settings, fails)
	}
	return b.String()
}

// failing tells whether its scripts fail where the event says so.
func (k modelKind) failing() bool { return k.tries > 1 && !k.stops }

func kindOf(run *runner.Run) modelKind { return modelKinds[strings.TrimPrefix(run.Hook, "/")] }

// next lists the states that may follow one directly; "" is what comes before
// the first. Only where the server has ended meanwhile can a run have been
// interrupted.
func (k modelKind) next(from runner.State, interrupted bool) []runner.State {
	var next []runner.State
	add := func(when bool, states ...runner.State) {
		if when {
			next = append(next, states...)
		}
	}
	switch from {
	case "":
		add(true, k.first())
		add(k.busy == "skip", runner.Skipped)
	case runner.Queued, runner.Waiting:
		add(true, runner.Running, runner.Canceled)
		add(k.alone, runner.Superseded)
	case runner.Running:
		add(true, runner.Canceled)
		add(true, runner.Succeeded)
		add(k.failing(), runner.Failed)
		add(k.tries > 1, runner.Waiting)
		add(k.stops, runner.TimedOut)
		add(k.busy == "replace" || k.alone && (interrupted || k.tries > 1), runner.Superseded)
		add(interrupted, runner.Queued) // also of a run that fails then, if it was not started yet
		add(interrupted && k.fails, runner.Failed)
	}
	return next
}

func (k modelKind) first() runner.State {
	if k.born != "" {
		return k.born
	}
	return runner.Queued
}

// reaches tells whether there is a way from one state to another on which so
// many attempts begin.
func (k modelKind) reaches(from, to runner.State, attempts int, interrupted bool) bool {
	type at struct {
		state runner.State
		left  int
	}
	seen := map[at]bool{}
	var walk func(at) bool
	walk = func(here at) bool {
		if here == (at{to, 0}) {
			return true
		}
		if seen[here] || here.left < 0 {
			return false
		}
		seen[here] = true
		return slices.ContainsFunc(k.next(here.state, interrupted), func(s runner.State) bool {
			if s == runner.Running {
				return walk(at{s, here.left - 1})
			}
			return walk(at{s, here.left})
		})
	}
	return walk(at{from, attempts})
}

// transition says what is wrong with how a run has changed between two looks, ""
// if nothing is. before is nil at the first look.
func transition(before, now *runner.Run, interrupted bool) string {
	from, attempts, failures := runner.State(""), 0, 0
	if before != nil {
		from, attempts, failures = before.State, before.Attempt, before.Failures
	}
	switch k := kindOf(now); {
	case from.Ended() && from != "" && (now.State != from || now.Attempt != attempts || now.Error != before.Error || !now.FinishedAt.Equal(*before.FinishedAt)):
		return "it had ended, and has changed"
	case now.Attempt < attempts || now.Failures < failures:
		return "it has fewer attempts or failures than before"
	case now.Failures > now.Attempt || now.Failures > k.tries:
		return "it has failed too often"
	case !k.reaches(from, now.State, now.Attempt-attempts, interrupted):
		return "there is no way between these states"
	case now.State.Ended() != (now.FinishedAt != nil) || (now.State == runner.Waiting) != (now.NotBefore != nil):
		return "its times do not go with its state"
	case now.State == runner.Skipped && now.Attempt > 0:
		return "it has run"
	case (now.State == runner.Succeeded) != (now.State.Ended() && now.Error == ""):
		return "its error does not go with its state"
	}
	return ""
}

// crowds looks for groups of which too many run or wait at once.
func crowds(runs map[int64]*runner.Run) (problems []string) {
	running, waiting := map[string][]int64{}, map[string][]int64{}
	for _, id := range sortedIDs(runs) {
		run := runs[id]
		switch {
		case run.State == runner.Running:
			running[run.Group] = append(running[run.Group], id)
		case !run.State.Ended():
			waiting[run.Group] = append(waiting[run.Group], id)
		}
	}
	for group, ids := range running {
		k := kindOf(runs[ids[0]])
		if group != "" && (len(ids) > k.limit || k.busy == "skip" && len(ids)+len(waiting[group]) > k.limit) {
			problems = append(problems, fmt.Sprintf("of the group %q run at once: %v; wait: %v", group, ids, waiting[group]))
		}
	}
	for group, ids := range waiting {
		if group != "" && kindOf(runs[ids[0]]).alone && len(ids) > 1 {
			problems = append(problems, fmt.Sprintf("of the group %q wait at once: %v", group, ids))
		}
	}
	return problems
}
