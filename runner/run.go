package runner

import (
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A State says where a run stands. The database repeats the list as a CHECK,
// docs/states.md draws the transitions.
type State string

const (
	// Queued: stored, and waiting for a free place. A run that the server's end
	// interrupted is queued again.
	Queued State = "queued"
	// Waiting: not to start before a time or an answer has come.
	Waiting State = "waiting"
	// Running: an attempt has begun. After a crash, what is found in this state
	// was interrupted.
	Running State = "running"
	// Succeeded: the last attempt ended with exit code 0.
	Succeeded State = "succeeded"
	// Failed: the last attempt ended with another exit code, with a signal, at
	// one of its limits, or could not be started.
	Failed State = "failed"
	// TimedOut: the last attempt was ended because it took longer than its timeout.
	TimedOut State = "timed_out"
	// Canceled: ended by a person.
	Canceled State = "canceled"
	// Superseded: a newer run of the same group took its place.
	Superseded State = "superseded"
	// Skipped: recorded but not run, because its group was busy.
	Skipped State = "skipped"
)

// States lists every state there is.
var States = []State{Queued, Waiting, Running, Succeeded, Failed, TimedOut, Canceled, Superseded, Skipped}

// Ended tells whether a run in this state is over for good.
func (s State) Ended() bool { return s != Queued && s != Waiting && s != Running }

// A Run is one action of one delivery. Its identity and Command never change;
// the rest tells how far it has come and belongs to the runner.
type Run struct {
	ID         int64      `json:"id"`
	Delivery   int64      `json:"delivery"`
	Hook       string     `json:"hook"`
	Rule       string     `json:"rule"`
	Action     string     `json:"action"` // run, http, status or notify: see rules.ActionRun
	State      State      `json:"state"`
	Attempt    int        `json:"attempt"` // executions begun so far
	ExitCode   *int       `json:"exit_code"`
	Signal     string     `json:"signal"` // name of the signal that ended it: "SIGKILL"
	Error      string     `json:"error"`  // one sentence for a person, when it did not succeed
	QueuedAt   time.Time  `json:"queued_at"`
	StartedAt  *time.Time `json:"started_at"`  // of the last attempt
	FinishedAt *time.Time `json:"finished_at"` // of the last attempt

	Group     string     `json:"group,omitempty"`      // of runs that must not meet
	Failures  int        `json:"failures,omitempty"`   // attempts that failed
	NotBefore *time.Time `json:"not_before,omitempty"` // of a waiting run
	Hold      Hold       `json:"hold,omitempty"`       // of a waiting run: why it waits for a person
	RerunOf   int64      `json:"rerun_of,omitempty"`   // the run that a person had run again
	CausedBy  int64      `json:"caused_by,omitempty"`  // the run whose script sent the event
	Chain     int        `json:"chain,omitempty"`      // how many runs led to this one, each causing the next

	TellsOf int64 `json:"tells_of,omitempty"` // the run of which it tells people, or the place of its commit

	Event   string         `json:"-"` // the delivery's, for the script's environment
	Command *rules.Command `json:"command,omitempty"`

	// Body is the delivery's where it is at hand; nil: it is read from the store.
	// Enqueue makes a copy, if it is of use.
	Body []byte `json:"-"`
	// Process identifies the leader of the last attempt's process tree across
	// restarts; empty if none was started. Only this package reads it.
	Process string `json:"-"`
	// Canceling tells that a person wanted it ended while it ran.
	Canceling bool `json:"-"`
	// By is what a person did that the next write is part of.
	By *AuditEntry `json:"-"`
	// Told are the runs that tell of what the last write wrote down. They were
	// stored along with it, and are for its caller to enqueue.
	Told []*Run `json:"-"`
}

// A Hold says why a run waits for a person.
type Hold string

const (
	// HoldApproval: its rule says approve: true.
	HoldApproval Hold = "approval"
	// HoldLoop: it is the last of a chain of runs that each caused the next.
	HoldLoop Hold = "loop"
)

// A RunFilter narrows a listing of runs. The zero value takes all.
type RunFilter struct {
	Hook     string
	States   []State
	Since    time.Time
	Delivery int64
	Limit    int // at most so many, newest first; 0 means 50
}
