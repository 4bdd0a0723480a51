package notify

import (
	"context"

	"github.com/hooktender/hooktender/rules"
)

// byURL tells any other service. What it may take is cut by sendByURL.
func (s *sending) byURL(ctx context.Context, c *rules.ServiceURL) error {
	address, err := s.secret(c.URL)
	if err != nil {
		return err
	}
	text := shortText(s.message, 8000, jsonBytes)
	if s.message.link != "" {
		text = s.message.link + "\n\n" + text
	}
	if err := sendByURL(ctx, address, s.message.title, text); err != nil {
		return err
	}
	s.say("sent by shoutrrr\n")
	return nil
}
