package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// Foretold is what a sender would be told. The ids in it are 0: those are given
// when an event is stored.
type Foretold struct {
	Status int             `json:"status"`         // 0 of a watch: nobody is answered
	Body   json.RawMessage `json:"body,omitempty"` // nothing where it is the output of the runs
	Note   string          `json:"note,omitempty"` // what else it could be

	// Refused says why the door itself would not let the request in, whatever the
	// rules.
	Refused string `json:"-"`
}

// Foretell says what the sender of a request would be told.
func Foretell(c *rules.Config, h *rules.Hook, r *rules.Request, t *rules.Trial) Foretold {
	switch {
	case h.IsWatch():
		return Foretold{} // nobody asks
	case !slices.Contains(h.Methods, r.Method):
		f := foretold(http.StatusMethodNotAllowed, failure{"method not allowed"})
		f.Refused = fmt.Sprintf("the hook takes %s, not %s (methods)", strings.Join(h.Methods, ", "), r.Method)
		return f
	case r.RemoteIP.IsValid() && !h.Allows(r.RemoteIP):
		f := foretold(http.StatusForbidden, failure{"forbidden"})
		f.Refused = errNotAllowed.Error()
		return f
	case int64(len(r.Body)) > c.Server.MaxBody:
		f := foretold(http.StatusRequestEntityTooLarge, failure{"too large"})
		f.Refused = fmt.Sprintf("the body is too large: %d bytes, %d allowed (server.max_body)", len(r.Body), c.Server.MaxBody)
		return f
	case t.Refusal != nil:
		cause := t.Refusal
		if rules.IsRejection(cause) {
			cause = unproven{cause}
		}
		status, msg := rejection(cause)
		return foretold(status, failure{msg})
	}
	told := reply{Verdict: t.Verdict, Runs: []replyRun{}}
	for _, a := range t.Actions {
		run := newRun(&rules.Delivery{}, a.Rule, a.Command)
		if a.Command.Debounce != nil {
			run.State = runner.Waiting
		}
		told.Runs = append(told.Runs, replyRuns([]*runner.Run{run})...)
	}
	if len(t.Actions) == 0 {
		return foretold(http.StatusOK, told)
	}
	return foretellAccepted(h.Respond, told)
}

// foretellAccepted is for an event that fires a rule.
func foretellAccepted(how rules.Respond, told reply) Foretold {
	switch {
	case how.Stream:
		return Foretold{Status: http.StatusOK, Note: "the output of the runs as it comes (respond: stream)"}
	case how.Wait > 0:
		f := foretold(how.OnSuccess, told)
		f.Note = fmt.Sprintf("when the runs have ended (respond: wait): %d if all have succeeded, %d if not, 202 if it takes longer than %v",
			how.OnSuccess, how.OnFailure, time.Duration(how.Wait))
		f.Body = nil
		return f
	}
	return foretold(http.StatusAccepted, told)
}

func foretold(status int, v any) Foretold {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // these are texts and numbers
	}
	return Foretold{Status: status, Body: body}
}
