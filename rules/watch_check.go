package rules

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A SiteCheck is a list of websites that are looked at, and what is expected of them.
type SiteCheck struct {
	URLs    []Target
	Method  string // GET or HEAD
	Headers []Header
	Timeout time.Duration // of one look, redirects counted
	Follow  bool          // redirects; else they are the answer
	Repeats Repeats

	expect *expression // nil: a status below 400
	match  *regexp.Regexp
}

// Repeats says how many looks in a row must say so before a website counts as
// down, or as up again.
type Repeats struct{ Down, Up int }

// A Look is the answer of a website.
type Look struct {
	Code            int
	Latency         time.Duration // until the body was read
	CertificateDays *int          // whole days until it expires; nil without TLS
	Header          http.Header
	Body            []byte // its beginning
}

func readCheck(n node) *SiteCheck {
	c := &SiteCheck{Method: http.MethodGet, Timeout: 10 * time.Second, Follow: true, Repeats: Repeats{Down: 2, Up: 1}}
	n.mapping(c.settings()...)
	if n.Kind == yaml.MappingNode && len(c.URLs) == 0 {
		n.problem("has no urls; write urls: [https://example.com]")
	}
	if c.match != nil && c.Method == http.MethodHead {
		n.problem("the answer to HEAD has no body that could match; leave method out")
	}
	return c
}

func (c *SiteCheck) settings() []setting {
	return []setting{
		{"urls", targetLists.to(&c.URLs), "the websites, each with a state of its own", mustBe},
		{"expect", expectations.to(&c.expect), "a condition on `code`, `latency_ms`, `certificate_days`, `headers` (their names in any case) and `body` (its first MiB); where it does not hold, the website is down", "`code < 400`"},
		{"match", patterns.to(&c.match), "a regular expression that the body's first MiB must match", "any body"},
		{"timeout", durations.do(func(d Duration) { c.Timeout = time.Duration(d) }), "of one look", "`10s`"},
		{"repeats", repeats.to(&c.Repeats), "how many looks in a row say that it is down, and up again: one number for both, or each", "`{down: 2, up: 1}`"},
		{"method", oneOf(http.MethodGet, http.MethodHead).to(&c.Method), "HTTP method", "`GET`"},
		{"headers", sentHeaders.to(&c.Headers), "headers that are sent; to another host, where a redirect leads, they are not", "none"},
		{"follow", booleans.to(&c.Follow), "follow redirects, up to 10; otherwise a redirect is the answer", "`true`"},
	}
}

var (
	checks      = kind[*SiteCheck]{readCheck, func() *schema { return mappingOf((&SiteCheck{}).settings()...) }}
	targetLists = kind[[]Target]{node.targets, func() *schema { return listOf(aText("URL")()) }}
	patterns    = kind[*regexp.Regexp]{node.pattern, aText("regular expression")}
	repeats     = kind[Repeats]{node.repeats, func() *schema {
		s := either("number, or {down: 2, up: 1}", counts.schema(), mappingOf((&Repeats{}).settings()...))()
		return s
	}}
	expectations = kind[*expression]{node.expectation, conditions.schema}
)

func (r *Repeats) settings() []setting {
	return []setting{
		{"down", counts.to(&r.Down), "failed looks in a row until it is down", "`2`"},
		{"up", counts.to(&r.Up), "good looks in a row until it is up again", "`1`"},
	}
}

func (n node) repeats() Repeats {
	r := Repeats{Down: 2, Up: 1}
	if n.Kind == yaml.MappingNode {
		n.mapping(r.settings()...)
		return r
	}
	r.Down = n.count()
	r.Up = r.Down
	return r
}

func (n node) targets() []Target {
	var list []Target
	for _, e := range n.list() {
		t := e.target()
		if slices.ContainsFunc(list, func(have Target) bool { return have.Key == t.Key }) && t.Key != "" {
			e.problem("%s stands in the list twice", e.Value)
		}
		list = append(list, t)
	}
	if n.Kind == yaml.SequenceNode && len(list) == 0 {
		n.problem("is an empty list; write the websites: [https://example.com]")
	}
	return list
}

func (n node) pattern() *regexp.Regexp {
	s, ok := n.scalar()
	if !ok {
		return nil
	}
	r, err := regexp.Compile(s)
	if err != nil {
		n.problem("is not a regular expression: %v", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	return r
}

// expectation reads a condition on an answer. It is tried at once, as far as it is
// known what answers have: a mistake in it would make every website down.
func (n node) expectation() *expression {
	e := n.condition()
	if e == nil {
		return nil
	}
	days := 90
	look := Look{Code: http.StatusOK, Latency: time.Millisecond, CertificateDays: &days, Header: http.Header{}}
	for name := range e.fields.below {
		if !slices.Contains(lookFields, name) {
			n.problem("an answer has no %s%s", name, didYouMean(name, lookFields))
			return nil
		}
	}
	foreign := e.fields.whole || e.fields.below["headers"] != nil || e.fields.below["body"] != nil
	if _, err := e.holds(look.environment()); err != nil && !foreign {
		n.problem("%v", err)
	}
	return e
}

var lookFields = []string{"body", "certificate_days", "code", "headers", "latency_ms"}

func (l *Look) environment() environment {
	fields := map[string]any{
		"code": l.Code, "latency_ms": int(l.Latency.Milliseconds()), "headers": header(l.Header), "body": string(l.Body),
	}
	if l.CertificateDays != nil {
		fields["certificate_days"] = *l.CertificateDays
	}
	nobody := &requestView{request: &Request{}, hook: &Hook{}}
	return environment{Payload: fields, Request: nobody}
}

// Judge says what is wrong with an answer, "" if it is as expected.
func (c *SiteCheck) Judge(l *Look) string {
	if c.expect == nil && l.Code >= http.StatusBadRequest {
		return strings.TrimSpace(fmt.Sprintf("answered %d %s", l.Code, http.StatusText(l.Code)))
	}
	if c.expect != nil {
		holds, err := c.expect.holds(l.environment())
		if err != nil {
			return fmt.Sprintf("answered %d, and the check's expect cannot be decided: %v", l.Code, err)
		}
		if !holds {
			return fmt.Sprintf("answered %d after %d ms, and not as expected: %s", l.Code, l.Latency.Milliseconds(), c.expect.source)
		}
	}
	if c.match != nil && !c.match.Match(l.Body) {
		return fmt.Sprintf("answered %d, but the body does not match %q", l.Code, c.match)
	}
	return ""
}
