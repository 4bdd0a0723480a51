package call

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/runner"
)

const (
	minKept = 64 << 10 // bytes of an answer that are read, however little output is kept
	maxLine = 200      // characters of an answer that stand in an error
)

// shownHeaders are those of an answer that help at night and hold no secret.
var shownHeaders = []string{"Content-Type", "Date", "Server", "Retry-After", "X-Request-Id", "Request-Id", "X-Github-Request-Id", "Cf-Ray"}

// keep writes an answer to the output: its status, some headers, and the body as
// it is.
func (a *attempt) keep(answer *outbound.Answer) {
	a.show("HTTP %s in %s\n", statusText(answer.Status), answer.Took.Round(time.Millisecond))
	for _, name := range shownHeaders {
		if value := answer.Header.Get(name); value != "" {
			a.show("%s: %s\n", name, value)
		}
	}
	if len(answer.Body) > 0 {
		a.show("\n%s\n", answer.Body)
	}
	if answer.Cut {
		a.show("… the rest of the answer was not read\n")
	}
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// judge makes an error of an answer that is not good. why says more about it, if
// it is not nil.
func (p *Performer) judge(a *attempt, host string, answer *outbound.Answer, why error) error {
	text := host + " answered " + statusText(answer.Status)
	if line := a.firstLine(answer); line != "" {
		text += ": " + line
	}
	if why != nil {
		text += "; " + why.Error()
	}
	failed := &runner.PerformError{Err: errors.New(text), Final: !mayPass(answer.Status)}
	if !failed.Final {
		failed.After = outbound.RetryAfter(answer.Header, p.now())
	}
	return failed
}

// mayPass tells whether the same request may be answered otherwise a while later.
// One that was answered with 2xx was not expected to say what it said, which may
// change.
func mayPass(status int) bool {
	return status >= 500 || status/100 == 2 ||
		slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, status)
}

// firstLine is what an answer begins with: of JSON all of it, in one line; of a
// page made for people nothing.
func (a *attempt) firstLine(answer *outbound.Answer) string {
	text := string(answer.Body)
	var compact bytes.Buffer
	if json.Compact(&compact, answer.Body) == nil {
		text = compact.String()
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if !utf8.ValidString(text) || strings.HasPrefix(text, "<") {
		return ""
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, a.mask(text))
	return cut(strings.TrimSpace(text), maxLine)
}

// cut shortens a text to so many characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
