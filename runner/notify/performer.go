package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A Log gives back what runs printed.
type Log interface {
	// Tail returns the last bytes that an attempt printed, of both streams, with
	// its secrets masked.
	Tail(ctx context.Context, run int64, attempt int, bytes int) ([]byte, error)
}

// A Performer tells people. Its fields are set before the first use and not
// changed after; it may be used by any number of goroutines.
type Performer struct {
	Config func() *rules.Config // the one of now
	Log    Log                  // nil: no message has a log
	Client *outbound.Client

	patience patience
	mails    halfway
}

var _ runner.Performer = (*Performer)(nil)

// maxSending bounds how long a service may take with a message.
const maxSending = time.Minute

// Perform sends a notification. See [runner.Performer] for its errors, which
// never hold an address or a token of the place.
func (p *Performer) Perform(ctx context.Context, job *runner.Job) error {
	n := job.Run.Command.Notification
	if n == nil {
		return &runner.PerformError{Err: errors.New("is no notification"), Final: true}
	}
	if n.Error != "" {
		return &runner.PerformError{Err: errors.New(n.Error), Final: true}
	}
	config := p.Config()
	channel, ok := config.Set.Channel(n.To)
	if !ok {
		return &runner.PerformError{Err: fmt.Errorf("notify has no %q any more; add it to the configuration, or change the rule, and run it again", n.To), Final: true}
	}
	if left := p.patience.left(channel); left > 0 {
		return &runner.PerformError{Err: fmt.Errorf("%s asked to be left alone for another %s", n.To, took(left)), After: left, Deferred: true}
	}
	ctx, cancel := context.WithTimeout(ctx, maxSending)
	defer cancel()
	s := &sending{job: job, config: config, channel: channel, client: p.Client, mails: &p.mails}
	var err error
	if s.message, err = p.compose(ctx, s, n); err == nil {
		s.say("to %s (%s): %s\n%s\n", channel.Name, channel.Kind(), s.message.title, s.message.plain())
		err = s.send(ctx)
	}
	p.patience.rest(channel, s.rest)
	return s.hide(err)
}

// A sending is one message on its way to one place.
type sending struct {
	job     *runner.Job
	config  *rules.Config
	channel *rules.Channel
	client  *outbound.Client
	mails   *halfway
	message *message
	secrets []rules.Secret // of the place, as far as they were needed
	rest    time.Duration  // how long the place is to be left alone now
}

// send hands the message to the kind of place it is.
func (s *sending) send(ctx context.Context) error {
	switch c := s.channel; {
	case c.Discord != nil:
		return s.discord(ctx, c.Discord)
	case c.Slack != nil:
		return s.slack(ctx, c.Slack)
	case c.Teams != nil:
		return s.teams(ctx, c.Teams)
	case c.Telegram != nil:
		return s.telegram(ctx, c.Telegram)
	case c.Matrix != nil:
		return s.matrix(ctx, c.Matrix)
	case c.Email != nil:
		return s.email(ctx, c.Email)
	case c.Ntfy != nil:
		return s.ntfy(ctx, c.Ntfy)
	case c.Gotify != nil:
		return s.gotify(ctx, c.Gotify)
	case c.Webhook != nil:
		return s.webhook(ctx, c.Webhook)
	case c.URL != nil:
		return s.byURL(ctx, c.URL)
	}
	return &runner.PerformError{Err: fmt.Errorf("notify: %s is no place", s.channel.Name), Final: true}
}

// say writes what there is to see of the sending. The output masks by itself.
func (s *sending) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.job.Output, format, args...) // never fails
}

// secret fills in a text of the place that must not be seen, nor those parts of
// it that are secrets by themselves.
func (s *sending) secret(t rules.Text) (string, error) {
	if len(t) == 0 {
		return "", nil
	}
	text, err := s.job.Reveal(t)
	if err != nil {
		return "", err
	}
	s.secrets = append(s.secrets, rules.Secret(text))
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		s.secrets = append(s.secrets, rules.Secret(u.RequestURI()))
		for _, part := range rules.SecretParts(u) {
			s.secrets = append(s.secrets, rules.Secret(part))
		}
	}
	return text, nil
}

func (s *sending) mask() *runner.Mask { return runner.NewMask(s.secrets) }

// hide takes the place's secrets out of an error.
func (s *sending) hide(err error) error {
	if err == nil {
		return nil
	}
	text := s.mask().Text(err.Error())
	failed, ok := errors.AsType[*runner.PerformError](err)
	if !ok {
		return errors.New(text)
	}
	hidden := *failed
	hidden.Err = errors.New(text)
	return &hidden
}
