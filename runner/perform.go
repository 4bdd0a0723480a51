package runner

import (
	"context"
	"io"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// A Performer does what runs do that are no processes: it calls others, and
// tells people. Perform may be called from any goroutine.
type Performer interface {
	// Perform does what the job's command says. It returns soon after ctx is done,
	// which says that the attempt is to end. nil means that it is done; a
	// *PerformError says what went wrong and whether another attempt may help; any
	// other error is one that may pass.
	Perform(ctx context.Context, job *Job) error
}

// A Job is one attempt to perform a run.
type Job struct {
	Run    *Run
	Sender string // what RunHeader says of it in requests
	// Reveal fills in the references of a text. What they stand for is masked in
	// the output and in the error.
	Reveal func(rules.Text) (string, error)
	// Body returns the body of the delivery.
	Body func(context.Context) ([]byte, error)
	// Output takes what there is to see of the attempt: it never fails, and keeps
	// the head and the tail of what is too long.
	Output io.Writer
}

// A PerformError says why a run could not be performed.
type PerformError struct {
	Err   error
	Final bool // trying again would not help
	// After is how long whoever was called asks to be left alone; 0 if nothing was
	// said.
	After time.Duration
	// Deferred says that nothing was sent, because others of the same place were
	// asked to wait: the attempt does not count as one that failed, and is due
	// again after After.
	Deferred bool
}

func (e *PerformError) Error() string { return e.Err.Error() }
func (e *PerformError) Unwrap() error { return e.Err }
