package notify

import (
	"regexp"
	"strings"
	"unicode"
)

// clean takes out of a text what people cannot see, and services choke on or can
// be fooled with: broken UTF-8, control characters, and the marks that make a
// text run the other way round (https://trojansource.codes). Lines end with \n.
func clean(s string) string {
	s = terminal.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029' || r == '\u0085':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || turnsText(r):
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// turnsText tells the embeddings, overrides and isolates of Unicode's
// bidirectional algorithm (UAX #9). The marks of single letters stay.
func turnsText(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// oneLine is a clean text in one line.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// terminal finds what tells a terminal how to show a text: ECMA-48's control
// sequences, its strings (titles, links), and single escapes.
var terminal = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]` +
	`|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?` +
	`|\x1b[ -/]*[0-~]`)

// cleanLog makes of what a script printed what a person would have seen: without
// colours, and of a line that was written over and over its last form.
func cleanLog(output []byte) string {
	s := terminal.ReplaceAllString(strings.ToValidUTF8(string(output), "\uFFFD"), "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		line = clean(line[strings.LastIndexByte(line, '\r')+1:])
		lines[i] = strings.TrimRightFunc(line, unicode.IsSpace)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
