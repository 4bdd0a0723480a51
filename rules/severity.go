package rules

import "fmt"

// A Severity says what a [Problem] keeps from working.
type Severity int

const (
	// Error: the configuration cannot be used, or something in it cannot work.
	Error Severity = iota
	// Warning: it can be used, but probably does not mean what was meant, or
	// lets in more than was meant.
	Warning
)

var severityNames = [...]string{Error: "error", Warning: "warning"}

// String returns "error" or "warning".
func (s Severity) String() string { return severityNames[s] }

// MarshalText writes "error" or "warning".
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for severity, name := range severityNames {
		if string(text) == name {
			*s = Severity(severity)
			return nil
		}
	}
	return fmt.Errorf("%q is neither error nor warning", text)
}

// Count says how many problems are of a severity.
func (ps Problems) Count(s Severity) int {
	n := 0
	for _, p := range ps {
		if p.Severity == s {
			n++
		}
	}
	return n
}
