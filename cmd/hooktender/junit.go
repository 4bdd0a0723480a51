package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"time"
)

// A junitReport is the XML that build servers read. There is no one standard of
// it: these are the elements and attributes that Jenkins' schema
// (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd) has, and the file that
// GitLab shows (https://docs.gitlab.com/ci/testing/unit_test_reports/).
type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"` // seconds
	Suites   []junitSuite `xml:"testsuite"` // one a file
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Error   *junitFailure `xml:"error"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(path string, results []*caseResult) error {
	text, err := xml.MarshalIndent(junitOf(results), "", "  ")
	if err == nil {
		err = os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644)
	}
	if err != nil {
		return errors.Join(errors.New("write the JUnit report"), err)
	}
	return nil
}

func junitOf(results []*caseResult) *junitReport {
	report := &junitReport{Name: "hooktender test"}
	var all, suite time.Duration
	for _, r := range results {
		if n := len(report.Suites); n == 0 || report.Suites[n-1].Name != r.File {
			report.Suites, suite = append(report.Suites, junitSuite{Name: r.File}), 0
		}
		s := &report.Suites[len(report.Suites)-1]
		suite, all = suite+r.took, all+r.took
		c := junitCase{Class: r.Hook, Name: r.Name, File: r.File, Time: seconds(r.took)}
		switch {
		case r.Error != "":
			s.Errors, report.Errors = s.Errors+1, report.Errors+1
			c.Error = &junitFailure{Message: r.Error, Type: "error", Text: failureText(r)}
		case !r.Passed:
			s.Failures, report.Failures = s.Failures+1, report.Failures+1
			c.Failure = &junitFailure{Message: r.Differences[0].sentence(), Type: "difference", Text: failureText(r)}
		}
		s.Cases = append(s.Cases, c)
		s.Tests, report.Tests = s.Tests+1, report.Tests+1
		s.Time, report.Time = seconds(suite), seconds(all)
	}
	return report
}

func (d difference) sentence() string {
	return fmt.Sprintf("%s: expected %s, got %s", d.What, d.Expected, d.Got)
}

// failureText is what a person at the terminal reads.
func failureText(r *caseResult) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s:%d\n", r.File, r.Line)
	printFailure(&b, r)
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
