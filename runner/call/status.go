package call

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A condition is what is said of a commit, in words of our own.
type condition string

const (
	pending  condition = "pending"  // it has not begun, or waits
	running  condition = "running"  // it has begun
	success  condition = "success"  // it has succeeded
	failure  condition = "failure"  // it has failed or timed out
	canceled condition = "canceled" // it was ended, or never begun, and says nothing of the commit
)

// A telling is what is said of a commit, to any service.
type telling struct {
	*rules.CommitStatus
	condition   condition
	description string
	page        string // of the run; "" for none
}

// tell sets the status of a commit.
func (p *Performer) tell(ctx context.Context, a *attempt, s *rules.CommitStatus) error {
	if s.Error != "" {
		return final(errors.New(s.Error))
	}
	host, known := services[s.Service]
	if !known {
		return final(fmt.Errorf("status: %q is no service of ours", s.Service))
	}
	t := p.telling(a.job.Run.ID, s)
	req, err := statusRequest(ctx, a, host, t)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	a.show("%s: %s %s of %s is %s: %s\n", s.Service, s.Context, s.Commit, s.Repository, t.condition, t.description)
	answer, err := p.send(ctx, a, req, outbound.Policy{Private: true})
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if answer.Status/100 == 2 || host.fine != nil && host.fine(t.condition, answer) {
		a.show("HTTP %s in %s\n", statusText(answer.Status), answer.Took.Round(time.Millisecond))
		return nil
	}
	a.keep(answer)
	return p.judgeStatus(a, req.URL.Host, answer)
}

// telling says what a run's outcome, or the rule itself, means for the commit.
func (p *Performer) telling(run int64, s *rules.CommitStatus) telling {
	t := telling{CommitStatus: s, condition: condition(s.State), description: "said by a rule"}
	if s.Of != nil {
		run, t.condition, t.description = s.Of.Run, conditionOf(runner.State(s.Of.State)), describe(s.Of)
	}
	t.page = p.page(run)
	return t
}

func conditionOf(state runner.State) condition {
	switch state {
	case runner.Running:
		return running
	case runner.Succeeded:
		return success
	case runner.Failed, runner.TimedOut:
		return failure
	case runner.Canceled, runner.Superseded, runner.Skipped:
		return canceled
	}
	return pending
}

// describe says in a few words how far a run has come. What it printed and why
// it failed stay here: many may see a status.
func describe(o *rules.Outcome) string {
	text := map[runner.State]string{runner.Waiting: "waits", runner.TimedOut: "timed out"}[runner.State(o.State)]
	if text == "" {
		text = o.State
	}
	if o.ExitCode != nil && *o.ExitCode != 0 {
		text += " with exit code " + strconv.Itoa(*o.ExitCode)
	}
	if o.Started != nil && o.Finished != nil && runner.State(o.State) != runner.Waiting {
		text += " after " + o.Finished.Sub(*o.Started).Round(time.Second).String()
	}
	return text
}

func statusRequest(ctx context.Context, a *attempt, host service, t telling) (*http.Request, error) {
	token, err := a.reveal(t.Token)
	if err != nil {
		return nil, err
	}
	url, said := host.status(t)
	body, err := json.Marshal(said)
	if err != nil {
		return nil, final(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, final(fmt.Errorf("the url of %s cannot be called", t.Service)) // err has the URL in it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for name, value := range host.headers {
		req.Header.Set(name, value)
	}
	proof := host.scheme + " " + token
	if t.User != "" {
		pair := t.User + ":" + token
		a.secrets = append(a.secrets, rules.Secret(pair))
		proof = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	}
	req.Header.Set("Authorization", proof)
	return req, nil
}

// judgeStatus knows of the answers of code hosts what judge does not: GitHub says
// with 403 that there were too many requests, and until when
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
func (p *Performer) judgeStatus(a *attempt, host string, answer *outbound.Answer) error {
	failed := p.judge(a, host, answer, nil)
	if answer.Status != http.StatusForbidden && answer.Status != http.StatusTooManyRequests {
		return failed
	}
	after := outbound.RetryAfter(answer.Header, p.now())
	if reset, err := strconv.ParseInt(answer.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && answer.Header.Get("X-RateLimit-Remaining") == "0" {
		after = max(after, min(time.Unix(reset, 0).Sub(p.now()), maxWait))
	}
	if after > 0 {
		return &runner.PerformError{Err: failed, After: after}
	}
	return failed
}

// maxWait is the longest that a rate limit is believed to last.
const maxWait = 24 * time.Hour

// short is a name of at most so many characters that is no other's: what is cut
// off of a long one counts in its last eight.
func short(name string, most int) string {
	if len([]rune(name)) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return string([]rune(name)[:most-9]) + fmt.Sprintf("-%x", sum[:4])
}
