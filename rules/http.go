package rules

// An HTTPCall is a request that a rule makes, complete but for its secrets.
type HTTPCall struct {
	Method  string   `json:"method"`
	URL     Text     `json:"url"`
	Headers []EnvVar `json:"headers,omitempty"` // in the order of the file
	Body    Text     `json:"body,omitempty"`
}
