package rules

import (
	"fmt"
	"net/http"
	"unicode/utf8"
)

// Good tells whether an answer is one that the rule wants: any 2xx, unless expect
// says otherwise. The error says why that cannot be told.
func (h *HTTPCall) Good(status int, head http.Header, body []byte) (bool, error) {
	if h.Expect == "" {
		return status/100 == 2, nil
	}
	condition, err := compileExpression(h.Expect)
	if err != nil {
		return false, fmt.Errorf("expect: %w", err)
	}
	good, err := condition.holds(environment{
		Payload: map[string]any{"status": status, "headers": header(head), "body": answerBody(body)},
		Request: &requestView{request: &Request{}, hook: &Hook{}},
	})
	if err != nil {
		return false, fmt.Errorf("expect: %w", err)
	}
	return good, nil
}

// answerBody is what a body says: what its JSON means, or its text.
func answerBody(body []byte) any {
	if value, err := readJSON(body, everything); err == nil {
		return value
	}
	if !utf8.Valid(body) {
		return nil
	}
	return string(body)
}
