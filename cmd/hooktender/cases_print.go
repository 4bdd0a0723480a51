package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/hooktender/hooktender/rules"
)

// printResults shows people how the cases went, by their files.
func printResults(w io.Writer, results []*caseResult) {
	file := ""
	for _, r := range results {
		if r.File != file {
			file = r.File
			fmt.Fprintln(w, printable(file))
		}
		if r.Passed {
			fmt.Fprintln(w, "  ok    "+printable(r.Name))
			continue
		}
		fmt.Fprintf(w, "  FAIL  %s (%s:%d)\n", printable(r.Name), printable(r.File), r.Line)
		printFailure(w, r)
		fmt.Fprintln(w)
	}
	summary := counted(len(results), "case")
	if failed := countFailed(results); failed > 0 {
		fmt.Fprintf(w, "%s, %d failed\n", summary, failed)
		return
	}
	if len(results) == 1 {
		fmt.Fprintln(w, summary+", passed")
		return
	}
	fmt.Fprintln(w, summary+", all passed")
}

// printFailure says what differs and, of rules, why.
func printFailure(w io.Writer, r *caseResult) {
	if r.Error != "" {
		fmt.Fprintln(w, "        "+printable(r.Error))
		return
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "        %s\n", printable(d.What))
		fmt.Fprintf(w, "          expected  %s\n", printable(d.Expected))
		fmt.Fprintf(w, "          got       %s\n", printable(d.Got))
		if d.Why != "" {
			fmt.Fprintf(w, "          because   %s\n", printable(d.Why))
		}
	}
	for _, name := range r.explain {
		i := slices.IndexFunc(r.Trial.Rules, func(t triedRule) bool { return t.Rule == name })
		if i < 0 {
			fmt.Fprintf(w, "        the hook %s has no rule %s; it has %s\n", r.Trial.Hook, printable(name), namesOf(r.Trial.Rules))
			continue
		}
		fmt.Fprintf(w, "        rule %s: %s\n", printable(name), printable(willBe(r.Trial.Rules[i].Decision)))
		printTrace(w, r.Trial.Rules[i].Trace)
	}
}

// willBe is what becomes of a rule, where nothing has happened yet.
func willBe(d rules.Decision) string {
	if d.Matched {
		return "fires"
	}
	return outcomeOf(d)
}

func namesOf(tried []triedRule) string {
	var names []string
	for _, t := range tried {
		names = append(names, t.Rule)
	}
	return listed(names)
}
