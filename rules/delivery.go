package rules

import (
	"net/http"
	"time"
)

// A Verdict says what became of a delivery.
type Verdict string

const (
	// Accepted: at least one rule fired, and its runs are on disk.
	Accepted Verdict = "accepted"
	// Ignored: genuine, but no rule fired.
	Ignored Verdict = "ignored"
	// Duplicate: the same event was seen before.
	Duplicate Verdict = "duplicate"
	// Throttled: a rule would have fired, but its throttle said not again yet.
	Throttled Verdict = "throttled"
	// Rejected: not genuine, not allowed, or not readable. Nothing was evaluated.
	Rejected Verdict = "rejected"
	// Errored: genuine, but a condition or a value could not be evaluated and no
	// other rule fired. Deliveries with this verdict want a look at the rules.
	Errored Verdict = "error"
)

// Verdicts lists every verdict there is.
var Verdicts = []Verdict{Accepted, Ignored, Duplicate, Throttled, Rejected, Errored}

// A Delivery is one request that arrived at a hook, and what was made of it.
// It is written once and never changed. What a provider uses to prove itself
// (tokens, passwords, signatures' secrets) is masked before a Delivery is made.
type Delivery struct {
	ID         int64       `json:"id"`
	Hook       string      `json:"hook"` // the hook's path as configured: "/deploy/:service"
	ReceivedAt time.Time   `json:"received_at"`
	RemoteIP   string      `json:"remote_ip"`
	Method     string      `json:"method"`
	Path       string      `json:"path"` // as requested, with its query
	Event      string      `json:"event"`
	EventID    string      `json:"event_id"`
	Verdict    Verdict     `json:"verdict"`
	Reason     string      `json:"reason"`
	Decisions  []Decision  `json:"rules"`
	Header     http.Header `json:"headers,omitempty"`   // only where one delivery is shown
	Size       int64       `json:"size"`                // of the body, in bytes; -1 if it was not read to its end
	ReplayOf   int64       `json:"replay_of,omitempty"` // the delivery that a person sent again
	Body       []byte      `json:"-"`

	DedupeKey    string        `json:"dedupe_key,omitempty"`   // what it is known by when it comes again
	DedupeWithin time.Duration `json:"-"`                      // how long; asked only when it is accepted
	DuplicateOf  int64         `json:"duplicate_of,omitempty"` // the delivery that was accepted in its place

	// Routine: an event of a watch for which nothing has changed; it is kept only if
	// it is accepted.
	Routine bool `json:"-"`

	// Definition is what decided; nil if no rule was asked, or it is not kept.
	Definition *Definition `json:"-"`
}

// ByStrangers tells of a delivery that fired nothing that anybody can have sent:
// it was rejected, or is a handshake, about which no rule is asked.
func (d *Delivery) ByStrangers() bool {
	return d.Verdict == Rejected || d.Verdict == Ignored && len(d.Decisions) == 0
}

// A Decision says whether one rule fired for a delivery and, if it could not
// be decided, why. A rule whose condition fails to evaluate does not fire.
type Decision struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	Error   string `json:"error"`
	Trace   *Trace `json:"trace,omitempty"` // only where somebody looks; never stored
}

// A DeliveryFilter narrows a listing of deliveries. The zero value takes all.
type DeliveryFilter struct {
	Hook     string
	Verdicts []Verdict
	Since    time.Time
	Limit    int // at most so many, newest first; 0 means 50
}
