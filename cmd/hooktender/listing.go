package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// listing holds the flags that every listing takes.
type listing struct {
	json  bool
	hook  string
	words string // --state or --verdict
	since string
	limit int
}

// add adds the flags; word is "state" or "verdict".
func (l *listing) add(cmd *cobra.Command, word string) {
	cmd.Flags().BoolVar(&l.json, "json", false, "print JSON")
	l.addFilters(cmd, word)
}

// addFilters adds the flags that say which are meant.
func (l *listing) addFilters(cmd *cobra.Command, word string) {
	flags := cmd.Flags()
	flags.StringVar(&l.hook, "hook", "", "only this hook, as in /github/website")
	flags.StringVar(&l.words, word, "", "only this "+word+"; several with commas")
	flags.StringVar(&l.since, "since", "", "only from then on: 2h, 3d, 2006-01-02, or \"2006-01-02 15:04:05\"")
	flags.IntVar(&l.limit, "limit", 50, "at most so many, newest first")
}

func (l *listing) query(word string) (url.Values, error) {
	q := url.Values{"limit": {strconv.Itoa(l.limit)}}
	if l.hook != "" {
		q.Set("hook", l.hook)
	}
	if l.words != "" {
		q.Set(word, l.words)
	}
	if l.since != "" {
		t, err := parseSince(l.since)
		if err != nil {
			return nil, usageError{err}
		}
		q.Set("since", t.UTC().Format(time.RFC3339))
	}
	return q, nil
}

// parseSince reads a time, or how long ago it was.
func parseSince(s string) (time.Time, error) {
	if t, ok := parseTime(s); ok {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Now().AddDate(0, 0, -int(n)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("--since: %q is neither a time like \"2006-01-02 15:04:05\" nor a duration like 2h or 3d", s)
	}
	return time.Now().Add(-d), nil
}

// parseTime reads a time in the forms that we print, and without a zone for here.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// printJSON prints v for programs, indented for the people who look anyway.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints rows in columns. Control characters in what strangers sent are
// made visible, so that no cell can move the cursor or forge a row.
func table(w io.Writer, head string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			if row[i] == "" {
				row[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// printable shows a text on one line of a terminal as what it is.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}

// field prints one line of what a thing is.
func field(w io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "%-12s %s\n", name, printable(value))
	}
}

// local shows a time to a person where they are.
func local(t time.Time) string { return t.Local().Format(time.DateTime) }

func id(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, usageError{fmt.Errorf("%q is not an id; ids are numbers from 1", s)}
	}
	return n, nil
}
