package call

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

var _ runner.Performer = (*Performer)(nil)

// A Performer calls others. It may be used by any number of goroutines.
type Performer struct {
	client *outbound.Client
	page   func(run int64) string
	now    func() time.Time
}

// New makes a Performer that calls through client. page is where a run can be
// looked at, "" for nowhere.
func New(client *outbound.Client, page func(run int64) string) *Performer {
	return &Performer{client: client, page: page, now: time.Now}
}

// Perform makes the request of a run, or sets the status of a commit. It ends
// when ctx does.
func (p *Performer) Perform(ctx context.Context, job *runner.Job) error {
	a := &attempt{job: job}
	switch command := job.Run.Command; {
	case command.HTTP != nil:
		return a.masked(p.call(ctx, a, command.HTTP))
	case command.Status != nil:
		return a.masked(p.tell(ctx, a, command.Status))
	}
	return final(fmt.Errorf("%s is nothing that is a request", job.Run.Command.Action()))
}

// An attempt is one attempt to perform a run, and the secrets it was given.
type attempt struct {
	job     *runner.Job
	secrets []rules.Secret
}

// reveal fills in the references of a text, and remembers each by itself.
func (a *attempt) reveal(t rules.Text) (string, error) {
	whole := ""
	for _, part := range t {
		s, err := a.job.Reveal(rules.Text{part})
		if err != nil {
			return "", err
		}
		if part.Ref != "" {
			a.secrets = append(a.secrets, rules.Secret(s))
		}
		whole += s
	}
	return whole, nil
}

// mask hides what the attempt was given, in what others make of it. The runner
// does, too; here it is done before anything is cut.
func (a *attempt) mask(s string) string { return runner.NewMask(a.secrets).Text(s) }

// masked is an error without secrets.
func (a *attempt) masked(err error) error {
	if err == nil {
		return nil
	}
	failed := &runner.PerformError{Err: err}
	if known, ok := errors.AsType[*runner.PerformError](err); ok {
		failed.Final, failed.After = known.Final, known.After
	}
	if shown := a.mask(failed.Err.Error()); shown != failed.Err.Error() {
		failed.Err = errors.New(shown)
	}
	return failed
}

// show writes to the output.
func (a *attempt) show(format string, args ...any) {
	fmt.Fprint(a.job.Output, a.mask(fmt.Sprintf(format, args...)))
}

func final(err error) error { return &runner.PerformError{Err: err, Final: true} }

// key names what a run does, the same for each of its attempts and no other run,
// so that whoever is called can tell the same request from another one. It has
// the form of a UUID (RFC 9562, version 8).
func key(run *runner.Run) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s\x00%s\x00%d", run.ID, run.Delivery, run.Hook, run.Rule, run.QueuedAt.UnixMicro()))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
