package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// A difference is something that came out otherwise than a case expects.
type difference struct {
	What     string `json:"what"` // as in "rules", or "redeploy: env COMMIT"
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Why      string `json:"why"`
}

func (r *caseResult) differ(what, expected, got, why string) {
	if expected != got {
		r.Differences = append(r.Differences, difference{what, expected, got, why})
	}
}

// compare notes what differs. The trial is nil where no hook was there.
func (r *caseResult) compare(c *rules.Case, trial *rules.Trial) {
	e, s := &c.Expect, r.Trial
	if e.Verified != nil {
		got := "not checked"
		if s.Verified != nil {
			got = strconv.FormatBool(*s.Verified)
		}
		r.differ("verified", strconv.FormatBool(*e.Verified), got, strings.TrimPrefix(s.Verification, "not checked: "))
	}
	follows := consequencesOf(firing(trial))
	fired := make([]string, 0, len(follows))
	for _, f := range follows {
		fired = append(fired, f.rule)
	}
	if e.Rules != nil && !slices.Equal(e.Rules, fired) {
		r.differ("rules", listed(e.Rules), listed(fired), r.whyNot())
		r.explainRules(e, fired)
	}
	if e.Verdict != "" {
		r.differ("verdict", string(e.Verdict), string(s.Verdict), s.Reason)
	}
	if e.Status != 0 {
		r.differ("status", strconv.Itoa(e.Status), strconv.Itoa(s.Answer.Status), s.Reason)
	}
	for _, want := range e.Run {
		i := slices.IndexFunc(follows, func(f consequence) bool { return f.rule == want.Rule })
		if i >= 0 {
			r.compareRun(&want, &follows[i])
		} else if e.Rules == nil { // else told already
			r.differ(want.Rule, "fires", "does not fire", r.whyNot())
			r.explain = append(r.explain, want.Rule)
		}
	}
}

// firing are the actions that really would be taken: none for a request that is
// refused, whatever the rules say.
func firing(trial *rules.Trial) []rules.Action {
	if trial == nil || trial.Verdict == rules.Rejected {
		return nil
	}
	return trial.Actions
}

func (r *caseResult) whyNot() string {
	if r.Trial.Verdict == rules.Rejected || r.Trial.Hook == "" {
		return r.Trial.Reason
	}
	return ""
}

// explainRules notes the rules whose conditions came out otherwise. Of a request
// that is refused they were not what decided.
func (r *caseResult) explainRules(e *rules.Expectation, fired []string) {
	if r.whyNot() != "" {
		return
	}
	for _, rule := range r.Trial.Rules {
		if slices.Contains(e.Rules, rule.Rule) != slices.Contains(fired, rule.Rule) {
			r.explain = append(r.explain, rule.Rule)
		}
	}
	for _, name := range e.Rules {
		known := slices.ContainsFunc(r.Trial.Rules, func(t triedRule) bool { return t.Rule == name })
		if !known && len(r.Trial.Rules) > 0 {
			r.explain = append(r.explain, name)
		}
	}
}

func (r *caseResult) compareRun(want *rules.ExpectedRun, follows *consequence) {
	differ := func(what, expected, got string) { r.differ(want.Rule+": "+what, expected, got, "") }
	r.compareTold(want, follows)
	r.compareCall(want, follows)
	cmd := follows.main()
	for _, v := range want.Env {
		i := slices.IndexFunc(cmd.Env, func(have rules.EnvVar) bool { return have.Name == v.Name })
		if i < 0 {
			r.Differences = append(r.Differences, difference{want.Rule + ": env " + v.Name, quoted(v.Value), "not set", "the rule sets no such variable"})
			continue
		}
		differ("env "+v.Name, quoted(v.Value), quoted(cmd.Env[i].Value.String()))
	}
	switch {
	case want.Script != nil:
		differ("command", quoted(*want.Script), spellCommand(cmd))
	case want.Command != nil:
		differ("command", quotedAll(want.Command), spellCommand(cmd))
	}
	text := func(what string, expected *string, got string) {
		if expected != nil {
			differ(what, quoted(*expected), quoted(got))
		}
	}
	text("dir", want.Dir, cmd.Dir)
	text("user", want.User, cmd.User)
	group, throttle, debounce := "", "", ""
	if cmd.Concurrency != nil {
		group = cmd.Concurrency.Group
	}
	if cmd.Throttle != nil {
		throttle = cmd.Throttle.Key
	}
	if cmd.Debounce != nil {
		debounce = cmd.Debounce.Key
	}
	text("group", want.Group, group)
	text("throttle", want.Throttle, throttle)
	text("debounce", want.Debounce, debounce)
}

func (r *caseResult) compareTold(want *rules.ExpectedRun, follows *consequence) {
	for _, v := range want.Notify {
		i := slices.IndexFunc(follows.told, func(have rules.Notice) bool { return have.To == v.Name })
		if i < 0 {
			r.Differences = append(r.Differences, difference{want.Rule + ": notify " + v.Name, quoted(v.Value), "not told", "the rule tells nobody of that name"})
			continue
		}
		if why := follows.told[i].Error; why != "" {
			r.Differences = append(r.Differences, difference{want.Rule + ": notify " + v.Name, quoted(v.Value), "not told", why})
			continue
		}
		r.differ(want.Rule+": notify "+v.Name, quoted(v.Value), quoted(follows.told[i].Message.String()), "")
	}
}

func (r *caseResult) compareCall(want *rules.ExpectedRun, follows *consequence) {
	if want.HTTP == nil {
		return
	}
	i := slices.IndexFunc(follows.commands, func(c *rules.Command) bool { return c.HTTP != nil })
	if i < 0 {
		r.Differences = append(r.Differences, difference{want.Rule + ": http", "a request", "none", "the rule makes no request"})
		return
	}
	call := follows.commands[i].HTTP
	text := func(what string, expected *string, got string) {
		if expected != nil {
			r.differ(want.Rule+": http "+what, quoted(*expected), quoted(got), "")
		}
	}
	text("method", want.HTTP.Method, call.Method)
	text("url", want.HTTP.URL, call.URL.String())
	text("body", want.HTTP.Body, call.Body.String())
	for _, h := range want.HTTP.Headers {
		got := "not set"
		if at := slices.IndexFunc(call.Headers, func(have rules.EnvVar) bool { return have.Name == h.Name }); at >= 0 {
			got = quoted(call.Headers[at].Value.String())
		}
		r.differ(want.Rule+": http header "+h.Name, quoted(h.Value), got, "")
	}
	if want.HTTP.JSON != nil {
		r.differ(want.Rule+": http json", sortedJSON(want.HTTP.JSON), sortedJSON([]byte(call.Body.String())), "")
	}
}

// sortedJSON writes JSON with the names of its objects in order, and all digits of
// its numbers; what is none as it is.
func sortedJSON(text []byte) string {
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&tree) != nil {
		return quoted(string(text))
	}
	sorted, err := json.Marshal(tree)
	if err != nil {
		return quoted(string(text))
	}
	return string(sorted)
}

// spellCommand is a script in quotes, or a list of arguments.
func spellCommand(cmd *rules.Command) string {
	if cmd.Script != "" {
		return quoted(cmd.Script)
	}
	args := make([]string, len(cmd.Argv))
	for i, a := range cmd.Argv {
		args[i] = a.String()
	}
	return quotedAll(args)
}

// quoted is a text of which nothing can be overlooked.
func quoted(s string) string { return strconv.Quote(s) }

func quotedAll(list []string) string {
	spelt := make([]string, len(list))
	for i, s := range list {
		spelt[i] = quoted(s)
	}
	return "[" + strings.Join(spelt, ", ") + "]"
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
