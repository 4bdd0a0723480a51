package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/server"
)

// A caseResult is how a case went.
type caseResult struct {
	File        string       `json:"file"`
	Line        int          `json:"line"`
	Name        string       `json:"name"`
	Hook        string       `json:"hook"` // as asked for
	Passed      bool         `json:"passed"`
	Error       string       `json:"error"` // why it could not be judged
	Differences []difference `json:"differences"`
	Trial       *shownTrial  `json:"trial,omitempty"` // nil if it could not be judged

	took    time.Duration
	explain []string // the rules that did otherwise than expected
}

// runCase judges the request of a case as try does, and compares.
func runCase(config *rules.Config, c *rules.Case) *caseResult {
	began := time.Now()
	path, _, _ := strings.Cut(c.Hook, "?") // a query may hold a token
	r := &caseResult{File: c.At.File, Line: c.At.Line, Name: c.Name, Hook: path, Differences: []difference{}}
	if err := r.judge(config, c); err != nil {
		r.Error = err.Error()
	}
	r.Passed = r.Error == "" && len(r.Differences) == 0
	r.took = time.Since(began)
	return r
}

func (r *caseResult) judge(config *rules.Config, c *rules.Case) error {
	a, err := caseRequest(c)
	if err != nil {
		return err
	}
	hook, params := config.Set.Match(a.request.Path)
	if hook == nil {
		r.Trial = nowhere(config, a.request)
		r.compare(c, nil)
		return nil
	}
	a.request.Hook, a.request.Params = hook.Path, params
	if err := prepare(hook, c, a); err != nil {
		return err
	}
	trial, told := judge(config, hook, a)
	r.Trial = showTrial(hook, a.request, trial, told)
	r.compare(c, trial)
	return nil
}

// caseRequest is the request as far as no hook is needed to know it.
func caseRequest(c *rules.Case) (*arrival, error) {
	u, err := url.Parse(c.Hook)
	if err != nil {
		return nil, fmt.Errorf("hook: %q is not a path like /github/website", c.Hook)
	}
	r := &rules.Request{Path: u.Path, RawQuery: u.RawQuery, Method: c.Method, Header: c.Header.Clone(), RemoteIP: c.RemoteIP, Body: c.Body}
	contentType := typeJSON
	switch {
	case c.Provider != "":
		var sent *outgoing
		if sent, err = recordedCase(c); err != nil {
			return nil, err
		}
		r.Body, contentType = sent.body, sent.contentType
		for name, value := range recordedOf(c.Provider).Headers {
			if r.Header.Get(name) == "" {
				r.Header.Set(name, value)
			}
		}
	case c.File != "":
		if r.Body, err = os.ReadFile(c.File); err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		contentType = bodyType(c.File)
	}
	assume(r, contentType)
	if r.Body, err = changeFields(r.Body, isForm(r.Header.Get("Content-Type")), c.Set); err != nil {
		return nil, fmt.Errorf("set: %w", err)
	}
	a := &arrival{request: r, now: c.Now, whole: c.Expect.Verified != nil}
	if a.now.IsZero() {
		a.now = time.Now()
	}
	r.ReceivedAt = a.now
	return a, nil
}

// recordedCase is the recorded delivery of a case.
func recordedCase(c *rules.Case) (*outgoing, error) {
	r := recordedOf(c.Provider)
	name, ok := r.find(c.Event)
	switch {
	case r.files == nil:
		return nil, fmt.Errorf("send: no delivery of %s is recorded; write payload: and signed: true in its place", c.Provider)
	case !ok:
		return nil, fmt.Errorf("send: no %s delivery of %s is recorded; recorded are %s", c.Event, c.Provider, strings.Join(r.names(), ", "))
	}
	o := &outgoing{provider: c.Provider}
	return o, o.load(name)
}

// prepare makes the request one that the hook's sender sends.
func prepare(hook *rules.Hook, c *rules.Case, a *arrival) error {
	r := a.request
	if r.Method == "" {
		r.Method = hook.Methods[0]
	}
	var err error
	switch {
	case c.Provider != "":
		if err = hook.SetEventOf(r, c.Provider, headerEvent(c.Provider, c.Event)); err != nil {
			err = fmt.Errorf("send: %w", err)
		}
	case c.Event != "":
		if err = hook.SetEvent(r, c.Event); err != nil {
			err = fmt.Errorf("event: %w", err)
		}
	}
	switch {
	case err != nil:
		return err
	case c.Signed:
		if err := hook.Sign(r, a.now); err != nil {
			return fmt.Errorf("%w; with signed: false the sender is not judged", err)
		}
	case a.whole:
		hook.LeaveUnsigned(r)
	}
	return nil
}

// nowhere is what becomes of a request that no hook is there for.
func nowhere(config *rules.Config, r *rules.Request) *shownTrial {
	err := errors.New("no hook is there; there are " + strings.Join(pathsOf(config.Set), ", "))
	return &shownTrial{Method: r.Method, Path: r.Path, Verification: "not checked: no hook is there", Reason: err.Error(),
		Answer: server.Foretold{Status: 404}, Rules: []triedRule{}}
}

func countFailed(results []*caseResult) (n int) {
	for _, r := range results {
		if !r.Passed {
			n++
		}
	}
	return n
}
