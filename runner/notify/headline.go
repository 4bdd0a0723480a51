package notify

import (
	"fmt"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// tellingTitle is how many characters the first line of what a rule tells may
// have to be the title.
const tellingTitle = 150

// headline gives the message its title: what happened, in one line.
func (m *message) headline(rule string, n *rules.Notification) {
	if n.Of == nil {
		m.tellingHeadline(rule)
		return
	}
	m.title = oneLine(happened(subject(rule, n.Of), n.Moment, n.Of))
}

// tellingHeadline is that of a rule that does nothing but tell: what it says
// itself.
func (m *message) tellingHeadline(rule string) {
	first, rest, _ := strings.Cut(m.text, "\n")
	if first = oneLine(first); first != "" && runes(first) <= tellingTitle {
		m.title, m.text = first, strings.TrimSpace(rest)
		return
	}
	m.title = oneLine("🔔 " + rule)
}

// subject is whose doing it was. A rule may run something and call somebody, and
// both tell.
func subject(rule string, of *rules.Outcome) string {
	if of.Action == rules.ActionHTTP {
		return "http of " + rule
	}
	return rule
}

func happened(who string, moment rules.Moment, of *rules.Outcome) string {
	switch moment {
	case rules.OnStart:
		return "▶️ " + who + " has begun"
	case rules.OnSuccess:
		return "✅ " + who + " succeeded"
	case rules.OnRecovery:
		return "🔁 " + who + " works again" + failedFor(of)
	case rules.OnSkipped:
		return "⏭️ " + who + " was skipped" + because(of, "its group was busy")
	case rules.OnApproval:
		return fmt.Sprintf("⏳ %s waits for approval%s: hooktender runs approve %d", who, held(of), of.Run)
	}
	if moment == rules.OnTimeout || of.State == string(runner.TimedOut) {
		return "⏱️ " + who + " timed out" + because(of, "")
	}
	return "❌ " + who + " failed" + because(of, "")
}

// because says why, where that is short enough for a title.
func because(of *rules.Outcome, otherwise string) string {
	why := of.Error
	if why == "" {
		why = otherwise
	}
	if why == "" || !inTitle(why) {
		return ""
	}
	return ": " + why
}

// inTitle tells whether an error is short enough to stand in the title, rather
// than among the facts.
func inTitle(err string) bool { return runes(err) <= 100 && !strings.Contains(err, "\n") }

func held(of *rules.Outcome) string {
	if of.Hold == string(runner.HoldLoop) {
		return ", being the last of many runs that each caused the next"
	}
	return ""
}

func failedFor(of *rules.Outcome) string {
	s := ""
	if of.FailingSince != nil && of.Finished != nil && of.Finished.After(*of.FailingSince) {
		s = " after " + took(of.Finished.Sub(*of.FailingSince))
	}
	switch {
	case of.Failures == 1:
		s += " (1 failure)"
	case of.Failures > 1:
		s += fmt.Sprintf(" (%d failures)", of.Failures)
	}
	return s
}
