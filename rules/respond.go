package rules

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Respond says what a sender is told whose event fires a rule. The zero value
// tells it at once that the event is accepted.
type Respond struct {
	Wait      Duration // the answer waits so long for the runs to end; 0: not at all
	Stream    bool     // the answer is their output as it comes
	Output    bool     // an answer that waited is their output
	OnSuccess int      // status of an answer that waited, if all runs succeeded
	OnFailure int      // and if not

	// CancelOnDisconnect ends the runs of a sender that leaves before its answer.
	CancelOnDisconnect bool
}

// AtOnce tells that the answer waits for nothing but the disk.
func (r Respond) AtOnce() bool { return r.Wait == 0 && !r.Stream }

func (n node) respond() Respond {
	if n.Kind == yaml.MappingNode {
		return n.respondMapping()
	}
	if s, ok := n.scalar(); ok && s != "accepted" {
		n.problem("%q is no way to answer; write accepted, {wait: 30s} or {stream: true}", s)
	}
	return Respond{}
}

func (n node) respondMapping() Respond {
	r := Respond{OnSuccess: http.StatusOK, OnFailure: http.StatusInternalServerError}
	waits := false
	var ofWait []node // settings that only an answer at the end can heed
	atTheEnd := func(name string, read func(node)) setting {
		return setting{name, func(n node) { ofWait = append(ofWait, n); read(n) }}
	}
	n.mapping(
		setting{"wait", func(n node) { waits = true; r.Wait = n.duration() }},
		setting{"stream", func(n node) { r.Stream = n.boolean() }},
		setting{"on_disconnect", func(n node) { r.CancelOnDisconnect = n.one("continue", "cancel") == "cancel" }},
		atTheEnd("output", func(n node) { r.Output = n.boolean() }),
		atTheEnd("on_success", func(n node) { r.OnSuccess = n.status(successes) }),
		atTheEnd("on_failure", func(n node) { r.OnFailure = n.status(failures) }),
	)
	switch {
	case waits && r.Stream:
		n.problem("wait and stream: true exclude each other; an answer is sent at the end or as the output comes")
	case r.Stream:
		for _, other := range ofWait {
			other.problem("needs wait; a stream begins with 200 before anything has run, and all of it is output")
		}
	case !waits:
		n.problem("says neither wait nor stream: true; write {wait: 30s}, {stream: true} or just accepted")
	}
	return r
}

// statuses are those that an answer at the end may have.
type statuses struct {
	hundreds []int
	advice   string
}

var (
	successes = statuses{[]int{2}, "write one of 200 to 299"}
	// A sender that tries again on an error would run everything again, so a
	// failure may look like a success.
	failures = statuses{[]int{2, 4, 5}, "write one of 400 to 599, or of 200 to 299 for a sender that is not to try again"}
)

// bodiless are statuses whose answers can have no body; these all have one.
var bodiless = []int{http.StatusNoContent, http.StatusResetContent}

func (n node) status(may statuses) int {
	s, ok := n.scalar()
	if !ok {
		return 0
	}
	status, err := strconv.Atoi(s)
	switch {
	case err != nil || len(s) != 3 || strings.ContainsAny(s, "+-"):
		n.problem("%q is not an HTTP status; %s", s, may.advice)
	case slices.Contains(bodiless, status):
		n.problem("an answer with status %d has no body, and this one has; %s", status, may.advice)
	case !slices.Contains(may.hundreds, status/100):
		n.problem("%d cannot be the status here; %s", status, may.advice)
	}
	return status
}
