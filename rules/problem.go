package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with a configuration file, in the words
// of the person who wrote it.
type Problem struct {
	File  string `json:"file"`
	Line  int    `json:"line"`   // from 1; 0 when the file as a whole is meant
	Col   int    `json:"column"` // from 1
	Where string `json:"where"`  // `hook "/deploy", rule "redeploy": when`
	What  string `json:"what"`   // what is wrong, and what to write instead

	Severity Severity `json:"severity"`
}

// Error shows the problem as file:line:col: where: what. A warning says in front
// of where that it is one, as compilers do.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	if p.Severity == Warning {
		b.WriteString(": warning")
	}
	if p.Where != "" {
		b.WriteString(": " + p.Where)
	}
	b.WriteString(": " + p.What)
	return b.String()
}

// Problems are all that is wrong with a configuration, sorted by position. It
// is the error of [Load] whenever the files could be read at all.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort sorts the problems by their position.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// synonyms are words that other tools have for our settings.
var synonyms = map[string]string{
	"if": "when", "on": "when", "condition": "when", "trigger-rule": "when",
	"command": "run", "script": "run", "exec": "run", "execute-command": "run",
	"cwd": "dir", "workdir": "dir", "working_directory": "dir", "command-working-directory": "dir",
	"environment": "env", "secret": "verify", "auth": "verify", "id": "name", "method": "methods",
}

// didYouMean suggests the known name nearest to a misspelt one.
func didYouMean(name string, known []string) string {
	known = slices.Sorted(slices.Values(known)) // the same advice each time
	if ours := synonyms[name]; slices.Contains(known, ours) {
		return fmt.Sprintf("; did you mean %q?", ours)
	}
	best := nearest(name, known, (len(name)+2)/3)
	if best == "" {
		return "; known are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// nearest is the known name that differs least from a misspelt one, by so many
// letters at most; "" if there is none.
func nearest(name string, known []string, atMost int) string {
	best, distance := "", atMost+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance, one row at a time.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
