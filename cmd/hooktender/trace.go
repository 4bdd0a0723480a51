package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hooktender/hooktender/rules"
)

// A traceLine is a condition or a part of one, with what it was found to be about.
type traceLine struct {
	mark, text string
	facts      []string
}

const (
	traceIndent = "             " // below the values of field
	traceWidth  = 60              // of the text, beyond which the facts begin on a line of their own
)

// printTrace shows for people what a condition came to, and why:
//
//	no     request.event == "push" && ref == "refs/heads/main"
//	yes      request.event == "push"                            request.event is "push"
//	no       ref == "refs/heads/main"                           ref is "refs/heads/dev"
func printTrace(w io.Writer, t *rules.Trace) {
	if t == nil {
		return
	}
	lines := traceLines(nil, t, 0)
	width := 0
	for _, l := range lines {
		if n := utf8.RuneCountInString(l.text); n <= traceWidth && len(l.facts) > 0 {
			width = max(width, n)
		}
	}
	for _, l := range lines {
		l.print(w, width)
	}
}

func (l traceLine) print(w io.Writer, width int) {
	head := fmt.Sprintf("%-6s %s", l.mark, printable(l.text))
	facts := l.facts
	if n := utf8.RuneCountInString(l.text); n <= width && len(facts) > 0 {
		head += strings.Repeat(" ", width-n) + "    " + printable(facts[0])
		facts = facts[1:]
	}
	fmt.Fprintln(w, strings.TrimRight(traceIndent+head, " "))
	for _, f := range facts {
		fmt.Fprintln(w, traceIndent+strings.Repeat(" ", 7+width+4)+printable(f))
	}
}

// traceLines lists the conditions in a trace. A value is no line of its own but a
// fact beside the condition that asked for it.
func traceLines(lines []traceLine, t *rules.Trace, depth int) []traceLine {
	l := traceLine{mark: markOf(t), text: strings.Repeat("  ", depth) + onOneLine(t.Text)}
	if t.Text == "" {
		l.text, t = t.Note, &rules.Trace{}
	}
	var below []*rules.Trace
	for _, part := range t.Parts {
		if isFact(part) {
			l.facts = addFacts(l.facts, part)
		} else {
			below = append(below, part)
		}
	}
	if t.Note != "" {
		l.facts = append(l.facts, t.Note)
	}
	lines = append(lines, l)
	for _, part := range below {
		lines = traceLines(lines, part, depth+1)
	}
	return lines
}

func markOf(t *rules.Trace) string {
	switch t.Result {
	case rules.True:
		return "yes"
	case rules.False:
		return "no"
	case rules.Failed:
		return "error"
	case rules.NotAsked:
		return "-"
	}
	return ""
}

func isFact(t *rules.Trace) bool { return t.Result == rules.Valued || t.Result == rules.Missing }

// addFacts lists a value and what it was made of, each once.
func addFacts(facts []string, t *rules.Trace) []string {
	f := onOneLine(t.Text) + " " + factOf(t)
	for _, known := range facts {
		if known == f {
			f = ""
		}
	}
	if f != "" {
		facts = append(facts, f)
	}
	for _, part := range t.Parts {
		facts = addFacts(facts, part)
	}
	return facts
}

func factOf(t *rules.Trace) string {
	s := "is missing"
	switch t.Result {
	case rules.Valued:
		s = "is " + t.Value
	case rules.Failed:
		s = "cannot be evaluated"
	case rules.NotAsked:
		s = "was not looked at"
	}
	if t.Note != "" {
		s += ": " + t.Note
	}
	return s
}

var lineBreak = regexp.MustCompile(`\s*\n\s*`)

// onOneLine makes one line of a condition that the file spreads over several.
func onOneLine(s string) string { return lineBreak.ReplaceAllString(strings.TrimSpace(s), " ") }
