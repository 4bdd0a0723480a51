package notify

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/hooktender/hooktender/runner"
)

// A mailStep is one that the server refused, or that could not be taken.
type mailStep struct {
	doing  string // as in "sign in as ops"
	err    error
	advice string // "" where the server's words say it all
	final  bool   // beside what the server itself calls permanent
}

func (s *mailStep) Error() string { return s.doing + ": " + s.err.Error() }
func (s *mailStep) Unwrap() error { return s.err }

// explain makes of a step's error what the runner and a person are told.
func (m *mail) explain(ctx context.Context, at *mailServer, l *letter, err error) error {
	if err == nil {
		return nil
	}
	head := fmt.Sprintf("mail server %s: %s", at.host, m.progress.head(l.to))
	if ctx.Err() != nil {
		s, _ := errors.AsType[*mailStep](err)
		return fmt.Errorf("%s%s: no answer before the attempt ended: %w", head, s.doing, ctx.Err())
	}
	return &runner.PerformError{Err: errors.New(head + m.wording(err)), Final: mailFinal(err)}
}

// mailFinal tells whether another attempt would end the same way. Of several
// recipients, one that may be reached later is reason enough to try again.
func mailFinal(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			if !mailFinal(e) {
				return false
			}
		}
		return true
	}
	if s, ok := err.(*mailStep); ok {
		return s.final || mailFinal(s.err)
	}
	reply, ok := errors.AsType[*textproto.Error](err)
	return ok && reply.Code >= 500
}

// wording is an error with its advice, in one line and without the password.
func (m *mail) wording(err error) string {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var each []string
		for _, e := range several.Unwrap() {
			each = append(each, m.wording(e))
		}
		return strings.Join(each, "; ")
	}
	s, ok := err.(*mailStep)
	if !ok {
		text := err.Error()
		if reply, ok := errors.AsType[*textproto.Error](err); ok {
			text = fmt.Sprintf("%d %s", reply.Code, reply.Msg) // its Error quotes the words
		}
		return cutLine(m.hide(text), 400)
	}
	text := s.doing + ": " + m.wording(s.err)
	if s.advice != "" {
		text += " (" + s.advice + ")"
	}
	return text
}
