package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Command is what a run executes, complete but for its secrets: the rule as
// it was and the values taken from the payload as it was. It is stored with the
// run, so that a later change of the file does not change what was accepted.
// Secrets stay references until the moment the process starts.
type Command struct {
	Script      string      `json:"script,omitempty"` // string form: given to Shell
	Shell       []string    `json:"shell,omitempty"`  // argv in front of Script
	Argv        []Text      `json:"argv,omitempty"`   // list form: started directly
	Dir         string      `json:"dir,omitempty"`
	Env         []EnvVar    `json:"env,omitempty"`
	NoStdin     bool        `json:"no_stdin,omitempty"`
	Files       string      `json:"files,omitempty"` // Content-Type by which Files reads the payload; "" where none came with it
	Timeout     Duration    `json:"timeout"`
	Grace       Duration    `json:"grace"`        // between TERM and KILL
	OutputLimit int64       `json:"output_limit"` // bytes kept of one attempt
	Limits      Limits      `json:"limits,omitzero"`
	User        string      `json:"user,omitempty"` // name or id; "": the server's own
	OnInterrupt OnInterrupt `json:"on_interrupt"`
	Approve     bool        `json:"approve,omitempty"`    // a person has to say yes before it begins
	LoopLimit   int         `json:"loop_limit,omitempty"` // how many runs may lead to it, each causing the next; 0: any number

	// What it does in the place of a process; at most one is not nil.
	HTTP         *HTTPCall     `json:"http,omitempty"`
	Status       *CommitStatus `json:"status,omitempty"`
	Notification *Notification `json:"notification,omitempty"`

	Tell []Notice `json:"tell,omitempty"` // who is told what becomes of it

	Concurrency *Concurrency `json:"concurrency,omitempty"` // nil: no group
	Retry       *Retry       `json:"retry,omitempty"`       // nil: never
	Throttle    *Throttle    `json:"throttle,omitempty"`    // nil: each event counts
	Debounce    *Debounce    `json:"debounce,omitempty"`    // nil: at once
}

// An EnvVar is one variable that a rule sets for its script.
type EnvVar struct {
	Name  string `json:"name"`
	Value Text   `json:"value"`
}

// OnInterrupt says what becomes of a run that the server's own end interrupted.
type OnInterrupt string

const (
	// Rerun queues the run again: at least once.
	Rerun OnInterrupt = "rerun"
	// Fail ends it as failed: at most once.
	Fail OnInterrupt = "fail"
)

// A Text is a string whose secrets are still references. Payload values are
// always literal parts, so a payload that spells a reference never becomes one.
type Text []Part

// A Part of a Text is either literal or, when Ref is set, a reference to be
// read when the text is used.
type Part struct {
	Literal string
	Ref     Reference
}

// Plain makes a Text of a literal string.
func Plain(s string) Text { return Text{{Literal: s}} }

// String shows the text with its references unread, which is safe to print.
func (t Text) String() string {
	if len(t) == 1 && t[0].Ref == "" {
		return t[0].Literal
	}
	var b strings.Builder
	for _, p := range t {
		if p.Ref != "" {
			b.WriteString("${" + string(p.Ref) + "}")
			continue
		}
		b.WriteString(p.Literal)
	}
	return b.String()
}

// MarshalJSON writes a plain text as a string and any other as a list of
// strings and {"ref": "env:NAME"} objects.
func (t Text) MarshalJSON() ([]byte, error) {
	switch {
	case len(t) == 0:
		return []byte(`""`), nil
	case len(t) == 1 && t[0].Ref == "":
		return json.Marshal(t[0].Literal)
	}
	list := make([]any, len(t))
	for i, p := range t {
		list[i] = p.Literal
		if p.Ref != "" {
			list[i] = map[string]string{"ref": string(p.Ref)}
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = Plain(s)
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("text is neither a string nor a list: %w", err)
	}
	out := make(Text, len(list))
	for i, raw := range list {
		if json.Unmarshal(raw, &out[i].Literal) == nil {
			continue
		}
		var ref struct{ Ref Reference }
		if err := json.Unmarshal(raw, &ref); err != nil {
			return fmt.Errorf("part %d of a text: %w", i, err)
		}
		out[i].Ref = ref.Ref
	}
	*t = out
	return nil
}

// A Duration is a time.Duration that is written as text: "10m0s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
