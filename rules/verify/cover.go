package verify

import (
	"cmp"
	"slices"
	"strings"
)

// A Cover says of what in a request its proof speaks. What else stands there can be
// changed by whoever has seen one genuine request, so it must not decide how the
// rest is read, nor be read for it.
type Cover struct {
	// Request: the sender proves itself and signs nothing, so all of the request is
	// its word, headers included.
	Request bool
	// Query: what stands in the query is signed.
	Query bool
	// Path: what stands in the path is signed.
	Path bool
	// NoContent: nothing is signed that says what an event is, or little of it, so that
	// the query is as good as the body.
	NoContent bool
	// Fields are those of a form that are signed, if only some are.
	Fields []string
	// Form: the message is a form, so that the body can be read as nothing else.
	Form bool
	// Gap is what rules read although the provider does not sign it, in words for
	// people; "" for nothing.
	Gap string
}

// Cover returns what a proof of the scheme speaks of.
func (s Scheme) Cover() Cover {
	switch s.Type {
	case "token", "basic", "mtls", "microsoft-graph":
		return Cover{Request: true}
	case "jwt", "plaid":
		if s.JWT == nil || s.JWT.BodyHash == nil {
			return Cover{Request: true}
		}
		if s.JWT.BodyHash.Optional {
			return Cover{Gap: "the body of a token without " + s.JWT.BodyHash.Claim}
		}
		return Cover{}
	case "twilio":
		return Cover{Query: true, Path: true, Gap: "where the value of a form's field ends and the next name begins: whoever has seen one genuine request can move what looks like a name from one to the other"}
	case "contentful":
		return Cover{Query: true, Path: true}
	case "shopify-query":
		return Cover{Query: true}
	case "braintree":
		return Cover{Fields: []string{"bt_payload", "bt_signature"}, Form: true}
	case "adyen-standard":
		return Cover{Gap: "what stands in a notification beside the eight fields that Adyen signs: " +
			"pspReference, originalReference, merchantAccountCode, merchantReference, amount, eventCode and success"}
	case "aws-sns":
		return Cover{Gap: "what stands in the body beside the fields that SNS signs, MessageAttributes among it"}
	}
	return s.messageCover()
}

// messageCover is that of a scheme whose message is a template.
func (s Scheme) messageCover() Cover {
	message := cmp.Or(s.Signed, "{body}")
	names := placeholdersOf(message + s.SignedForm)
	content := s.contentOf(message)
	fields := s.signedFields(message)
	if s.SignedForm != "" {
		fields = s.signedFields(s.SignedForm)
	}
	c := Cover{
		Fields: fields,
		Query:  slices.Contains(names, "url") || slices.Contains(names, "form_sorted"),
		Path:   slices.Contains(names, "url") || slices.Contains(names, "path"),
		Form:   slices.Contains(content, "form_sorted") || s.signedFields(message) != nil,
	}
	switch {
	case speaksOfBody(content):
	case c.Form:
	case slices.Contains(content, "body_crc32"):
		c.Gap = "a body that was changed so that its CRC-32 stays the same, which anybody can do who has seen one genuine request"
	case len(content) == 0:
		c.NoContent = true
		c.Gap = "the body: only the time and a token are signed, so whoever has seen one genuine request can send another body with them while they count"
	default:
		c.NoContent = true
		c.Gap = "what stands in the body beside {" + strings.Join(content, "} {") + "}"
	}
	return c
}

// signedFields are the form fields of which a message consists; nil if it speaks of
// the whole body, or of none of the content.
func (s Scheme) signedFields(message string) (fields []string) {
	content := s.contentOf(message)
	if speaksOfBody(content) || slices.Contains(content, "form_sorted") || slices.Contains(content, "body_crc32") {
		return nil
	}
	for _, name := range content {
		if field, ok := strings.CutPrefix(name, inForm+":"); ok {
			fields = append(fields, field)
		}
	}
	return fields
}

func speaksOfBody(content []string) bool {
	return slices.Contains(content, "body") || slices.Contains(content, "body_sha256")
}

// contentOf are the placeholders of a message that speak of the body. Those of the
// sender's time and id are none: to sign these alone is to sign a token.
func (s Scheme) contentOf(message string) []string {
	var of []string
	if s.Timestamp != nil {
		of = s.Timestamp.From
	}
	return slices.DeleteFunc(placeholdersOf(message), func(name string) bool {
		kind, _, _ := strings.Cut(name, ":")
		speaks := kind == inForm || kind == inJSON || kind == "form_sorted" || strings.HasPrefix(kind, "body")
		return !speaks || slices.Contains(of, name) || slices.Contains(s.ID, name)
	})
}

// placeholdersOf lists what stands between { and } in a message.
func placeholdersOf(message string) (names []string) {
	for {
		_, rest, _ := strings.Cut(message, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return names
		}
		if name != "" {
			names = append(names, name)
		}
		message = after
	}
}
