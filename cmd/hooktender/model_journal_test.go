package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hooktender/hooktender/runner"
)

// A journalLine is what a script said when it began, in the middle, and when it
// failed or came to its end.
type journalLine struct {
	word string
	execution
	at int // bytes before it
}

func (m *modelDriver) readJournal() (lines []journalLine) {
	data, err := os.ReadFile(m.journal)
	if err != nil {
		m.t.Fatal(err)
	}
	at := 0
	for text := range strings.Lines(string(data)) {
		l := journalLine{at: at}
		if _, err := fmt.Sscan(text, &l.word, &l.run, &l.attempt); err != nil {
			m.t.Fatalf("%q: %v", text, err)
		}
		lines, at = append(lines, l), at+len(text)
	}
	return lines
}

// checkEnds sees that everything has ended, in the end, as it should.
func (m *modelDriver) checkEnds() {
	for id, a := range m.acknowledged {
		if run := m.runs[id]; run == nil || run.Hook != a.hook || run.Delivery != a.delivery {
			m.suspect(id, "it was acknowledged as one of %s and delivery %d, and is %+v", a.hook, a.delivery, run)
		}
	}
	for id, run := range m.runs {
		if !run.State.Ended() {
			m.suspect(id, "nothing more is going on, and it is %s", run.State)
		}
	}
	for id := range m.canceled {
		if run := m.runs[id]; run.State != runner.Canceled && run.State != runner.Superseded {
			m.suspect(id, "it was canceled, and is %s", run.State)
		}
	}
}

// checkJournal holds what the scripts wrote against what the runs became.
func (m *modelDriver) checkJournal() {
	lines := m.readJournal()
	m.checkAttempts(lines)
	m.checkOverlap(lines)
	m.checkOrder(lines)
	for _, l := range lines {
		if over, ended := m.over[l.run]; ended && l.at >= over {
			m.suspect(l.run, "attempt %d wrote %q after the run was over", l.attempt, l.word)
		}
	}
}

// checkAttempts sees that each attempt ran once, and all that the runs count.
func (m *modelDriver) checkAttempts(lines []journalLine) {
	wrote := map[execution]string{}
	begun := map[int64]int{} // attempts of a run
	for _, l := range lines {
		wrote[l.execution] += l.word + " "
		if l.word == "begin" {
			begun[l.run]++
		}
		if run := m.runs[l.run]; run == nil || l.attempt > run.Attempt {
			m.suspect(l.run, "attempt %d ran, and is not known", l.attempt)
		}
	}
	for e, words := range wrote {
		if !strings.HasPrefix("begin middle end ", words) && !strings.HasPrefix("begin middle fail ", words) {
			m.suspect(e.run, "attempt %d wrote %s", e.attempt, words)
		}
	}
	for id, run := range m.runs {
		last := wrote[execution{id, run.Attempt}]
		switch k := kindOf(run); {
		case run.State == runner.Succeeded && last != "begin middle end ":
			m.suspect(id, "it succeeded, and its last attempt wrote only %s", last)
		case run.State == runner.Succeeded && !m.disturbed[id] && !k.stops && begun[id] != run.Attempt: // a timeout may come before the first word
			m.suspect(id, "%d of %d attempts have begun", begun[id], run.Attempt)
		case run.State == runner.Failed && k.tries > 0 && last != "begin middle fail ":
			m.suspect(id, "it failed, and its last attempt wrote %s", last)
		case k.fails && begun[id] > 1:
			m.suspect(id, "it must not run again after an interruption, and began %d times", begun[id])
		case (run.State == runner.Skipped || run.State == runner.Superseded && run.Attempt == 0) && begun[id] > 0:
			m.suspect(id, "it is %s, and began", run.State)
		}
	}
}

// checkOverlap sees that no more of a group were under way than may be. An
// attempt that was ended from outside says nothing at its end; so it is over when
// another begins in its place, and must not write anything more.
func (m *modelDriver) checkOverlap(lines []journalLine) {
	open := map[string][]execution{} // by group
	replaced := map[execution]execution{}
	for _, l := range lines {
		run := m.runs[l.run]
		if run == nil || run.Group == "" {
			continue
		}
		if by, gone := replaced[l.execution]; gone {
			m.suspect(l.run, "attempt %d wrote %q after run %d had begun in its place", l.attempt, l.word, by.run)
		}
		under := open[run.Group]
		switch l.word {
		case "begin":
			if len(under) == kindOf(run).limit {
				i := m.endedFromOutside(under)
				if i < 0 {
					m.suspect(l.run, "it began while of its group %q there ran %v", run.Group, under)
					i = 0
				}
				replaced[under[i]] = l.execution
				under = append(under[:i:i], under[i+1:]...)
			}
			open[run.Group] = append(under, l.execution)
		case "end", "fail":
			for i, e := range under {
				if e == l.execution {
					open[run.Group] = append(under[:i:i], under[i+1:]...)
				}
			}
		}
	}
}

// endedFromOutside finds the attempt that may be over without a word.
func (m *modelDriver) endedFromOutside(under []execution) int {
	for i, e := range under {
		run := m.runs[e.run]
		cut := run.State == runner.Canceled || run.State == runner.Superseded
		if cut && run.Attempt == e.attempt || m.disturbed[e.run] {
			return i
		}
	}
	return -1
}

// checkOrder sees that of a group that queues, what came first began first, and
// that nothing began before it had its last attempt. Of events that were under
// way at the same time, either may be the first.
func (m *modelDriver) checkOrder(lines []journalLine) {
	latest := map[string]journalLine{} // that began, of each group
	for _, l := range lines {
		run := m.runs[l.run]
		if l.word != "begin" || run == nil || kindOf(run).busy != "queue" || kindOf(run).limit != 1 {
			continue
		}
		before := latest[run.Group]
		mine, his := m.acknowledged[l.run], m.acknowledged[before.run]
		if before.run != 0 && !mine.answered.IsZero() && !his.sent.IsZero() && mine.answered.Before(his.sent) {
			m.suspect(l.run, "it began after run %d of its group, which came later", before.run)
		}
		if his.sent.IsZero() || mine.sent.After(his.sent) {
			latest[run.Group] = l
		}
	}
}
