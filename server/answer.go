package server

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// reply is what a genuine sender is told.
type reply struct {
	Delivery int64         `json:"delivery"`
	Verdict  rules.Verdict `json:"verdict"`
	Runs     []replyRun    `json:"runs"`
}

type replyRun struct {
	ID     int64        `json:"id"`
	Rule   string       `json:"rule"`
	Action string       `json:"action,omitempty"` // where it is not run
	State  runner.State `json:"state,omitempty"`  // where it is not queued
}

func replyRuns(runs []*runner.Run) []replyRun {
	list := make([]replyRun, len(runs))
	for i, r := range runs {
		list[i] = replyRun{ID: r.ID, Rule: r.Rule}
		if r.Action != rules.ActionRun {
			list[i].Action = r.Action
		}
		if r.State != runner.Queued {
			list[i].State = r.State
		}
	}
	return list
}

// answer writes v as JSON. An error of writing is the sender's loss alone: it is
// gone.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	body = append(body, '\n')
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

type failure struct {
	Error string `json:"error"`
}

func answerError(w http.ResponseWriter, status int, msg string) {
	answer(w, status, failure{msg})
}

// retryAfter is when a sender that was refused may come again.
const retryAfter = 5 // seconds

func answerLater(w http.ResponseWriter, msg string) {
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	answerError(w, http.StatusServiceUnavailable, msg)
}
