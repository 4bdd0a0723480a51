package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// problemFormats are the ways in which check writes what it found.
var problemFormats = map[string]func(io.Writer, rules.Problems) error{
	"text":   writeText,
	"json":   writeProblemsJSON,
	"github": writeAnnotations,
}

func writeText(w io.Writer, problems rules.Problems) error {
	if len(problems) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, problems)
	return err
}

// writeProblemsJSON writes an array, an empty one if nothing was found.
func writeProblemsJSON(w io.Writer, problems rules.Problems) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(append(rules.Problems{}, problems...))
}

// writeAnnotations writes the workflow commands that GitHub shows beside the
// lines of a pull request.
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
func writeAnnotations(w io.Writer, problems rules.Problems) error {
	for _, p := range problems {
		at := "file=" + annotationProperty.Replace(p.File)
		if p.Line > 0 {
			at += fmt.Sprintf(",line=%d,col=%d", p.Line, p.Col)
		}
		what := p.What
		if p.Where != "" {
			what = p.Where + ": " + what
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", p.Severity, at, annotationText.Replace(what)); err != nil {
			return err
		}
	}
	return nil
}

// The escapes of https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts.
var (
	annotationText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
