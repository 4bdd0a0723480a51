package rules

import "time"

// What a run does, as Run.Action, listings and the database name it.
const (
	ActionRun    = "run"    // a process
	ActionHTTP   = "http"   // a request to somebody else
	ActionStatus = "status" // the status of a commit
	ActionNotify = "notify" // people are told
)

// Action names what the command does.
func (c *Command) Action() string {
	switch {
	case c.HTTP != nil:
		return ActionHTTP
	case c.Status != nil:
		return ActionStatus
	case c.Notification != nil:
		return ActionNotify
	}
	return ActionRun
}

// A Moment is a time in the life of a run at which people may be told.
type Moment string

const (
	// OnStart: its first attempt begins.
	OnStart Moment = "start"
	// OnSuccess: it has succeeded.
	OnSuccess Moment = "success"
	// OnFailure: it has failed or timed out for good, and is not tried again.
	OnFailure Moment = "failure"
	// OnTimeout: it has timed out for good.
	OnTimeout Moment = "timeout"
	// OnRecovery: it has succeeded, and the one of its kind before it had not.
	OnRecovery Moment = "recovery"
	// OnSkipped: its group was busy, so it is not run at all.
	OnSkipped Moment = "skipped"
	// OnApproval: it waits for a person.
	OnApproval Moment = "approval"
)

// Moments lists every moment there is.
var Moments = []Moment{OnStart, OnSuccess, OnFailure, OnTimeout, OnRecovery, OnSkipped, OnApproval}

// A Notice says who is told what becomes of a run. It is part of the run's
// command. Either To or Status is set.
type Notice struct {
	To      string        `json:"to,omitempty"` // a name under notify:
	On      []Moment      `json:"on,omitempty"`
	Message Text          `json:"message,omitempty"` // "" for one that says just what happened
	Address string        `json:"address,omitempty"` // of a mail, in the place of those that the place has
	Commit  *Commit       `json:"commit,omitempty"`
	Status  *CommitStatus `json:"status,omitempty"` // told of the beginning and of every end
	Error   string        `json:"error,omitempty"`  // why they cannot be told: the event lacks what message or address want
}

// A Notification is what one place is told: the command of a run.
type Notification struct {
	To      string `json:"to"`               // a name under notify:
	Moment  Moment `json:"moment,omitempty"` // "" where the rule tells people and does nothing else
	Message Text   `json:"message,omitempty"`
	// Address is that of somebody outside, who is sent the message by mail and
	// nothing about the run; "" for those of the place.
	Address string   `json:"address,omitempty"`
	Commit  *Commit  `json:"commit,omitempty"`
	Of      *Outcome `json:"of,omitempty"`    // what it tells of; nil where Moment is ""
	Error   string   `json:"error,omitempty"` // that of the Notice: nothing is sent, and the run fails with it
}

// An Outcome is how far a run had come when somebody was to be told.
type Outcome struct {
	Run      int64      `json:"run"`
	Action   string     `json:"action"`
	State    string     `json:"state"`
	Attempt  int        `json:"attempt"` // executions begun so far
	ExitCode *int       `json:"exit_code,omitempty"`
	Error    string     `json:"error,omitempty"`
	Hold     string     `json:"hold,omitempty"` // why it waits for a person
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	// FailingSince is when the first of the failures in a row ended, this one
	// counted; zero where there was none. Failures is how many.
	FailingSince *time.Time `json:"failing_since,omitempty"`
	Failures     int        `json:"failures,omitempty"`
}

// A Commit is what a push or a pull request says of its newest commit, as far as
// the provider says it.
type Commit struct {
	ID         string `json:"id"`
	Message    string `json:"message,omitempty"`
	Author     string `json:"author,omitempty"`
	URL        string `json:"url,omitempty"` // its page; http or https
	Branch     string `json:"branch,omitempty"`
	Repository string `json:"repository,omitempty"` // with its owner: "octo-org/website"
}
