package notify

import (
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// Check says what is wrong with a place, as far as the libraries know that reach
// it and the configuration does not: the URL of a mail server or of a service.
// It connects to nobody. secret reads references; the error holds none of them.
func Check(c *rules.Channel, secret func(rules.Reference) (rules.Secret, error)) error {
	switch {
	case c.Email != nil && c.Email.SMTP != nil:
		return CheckMailServer(c.Email.SMTP.String())
	case c.URL != nil:
		var address strings.Builder
		for _, part := range c.URL.URL {
			address.WriteString(part.Literal)
			if part.Ref == "" {
				continue
			}
			value, err := secret(part.Ref)
			if err != nil {
				return err
			}
			address.WriteString(value.Reveal())
		}
		return CheckURL(address.String())
	}
	return nil
}
