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
	settings := r.settings()
	for i, s := range settings {
		read := s.form.read
		switch s.name {
		case "wait":
			settings[i].form.read = func(n node) { waits = true; read(n) }
		case "output", "on_success", "on_failure":
			settings[i].form.read = func(n node) { ofWait = append(ofWait, n); read(n) }
		}
	}
	n.mapping(settings...)
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

func (r *Respond) settings() []setting {
	return []setting{
		{"wait", durations.to(&r.Wait), "the answer comes when all runs of the event have ended, or after so long", ""},
		{"stream", booleans.to(&r.Stream), "the answer is the output of the runs as it comes", "`false`"},
		{"output", booleans.to(&r.Output), "with `wait`: the answer is the output, not JSON", "`false`"},
		{"on_success", successStatus.to(&r.OnSuccess), "with `wait`: status if all runs succeeded, 200 to 299", "`200`"},
		{"on_failure", failureStatus.to(&r.OnFailure), "with `wait`: status if not all did, 400 to 599 or 200 to 299", "`500`"},
		{"on_disconnect", disconnects.do(func(s string) { r.CancelOnDisconnect = s == "cancel" }), "what becomes of the runs of a sender that hangs up before its answer is complete", "`continue`"},
	}
}

var (
	responds = kind[Respond]{node.respond, func() *schema {
		return &schema{AnyOf: []*schema{{Enum: []string{"accepted"}}, mappingOf((&Respond{}).settings()...)}}
	}}
	disconnects   = oneOf("continue", "cancel")
	successStatus = kind[int]{func(n node) int { return n.status(successes) }, statusSchema("2")}
	failureStatus = kind[int]{func(n node) int { return n.status(failures) }, statusSchema("245")}
)

func statusSchema(hundreds string) func() *schema {
	return func() *schema {
		return &schema{Title: "HTTP status", Type: []string{"integer", "string"}, Minimum: 200, Pattern: "^[" + hundreds + "][0-9][0-9]$"}
	}
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
