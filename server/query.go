package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query reads the parameters of a listing. The first mistake is kept.
type query struct {
	values url.Values // that were not asked for yet
	err    error
}

func readQuery(r *http.Request) *query {
	q := &query{}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.fail("the query cannot be read: %v", err)
	}
	return q
}

// end returns the first mistake. A parameter that nobody asked for is one: a
// misspelt filter would list everything.
func (q *query) end() error {
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		q.fail("%q is not a parameter of this listing", name)
	}
	return q.err
}

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = badRequest(format, args...)
	}
}

func (q *query) text(name string) string {
	values := q.values[name]
	delete(q.values, name)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	q.fail("%s: is there %d times; once is enough", name, len(values))
	return ""
}

func (q *query) number(name string) int {
	s := q.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		q.fail("%s: %q is not a number from 1", name, s)
	}
	return n
}

// flag reads a parameter that is there or not.
func (q *query) flag(name string) bool {
	s := q.text(name)
	if s != "" && s != "1" {
		q.fail("%s: %q is neither 1 nor left out", name, s)
	}
	return s == "1"
}

func (q *query) time(name string) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		q.fail("%s: %q is not a time like 2006-01-02T15:04:05Z", name, s)
	}
	return t
}

// oneOf reads a list with commas of words that must be known, each once.
func oneOf[T ~string](q *query, name string, known []T) []T {
	var list []T
	for word := range strings.SplitSeq(q.text(name), ",") {
		if word == "" || slices.Contains(list, T(word)) {
			continue
		}
		if !slices.Contains(known, T(word)) {
			q.fail("%s: %q is not one of %v", name, word, known)
		}
		list = append(list, T(word))
	}
	return list
}
