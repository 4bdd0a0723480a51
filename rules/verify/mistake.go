package verify

import (
	"slices"
	"strings"
)

// A Mistake is something that is wrong with a setting of a [Scheme]. The error
// of Compile joins them.
type Mistake struct {
	Setting string // as in "timestamp.from"
	What    string // what is wrong, and what to write
}

// Error returns the setting and what is wrong with it.
func (m *Mistake) Error() string { return m.Setting + ": " + m.What }

// Doubts lists what a scheme says that can be meant so, but lets in more than
// its owner may believe.
func (s Scheme) Doubts() (doubts []Mistake) {
	if !slices.Contains([]string{"hmac", "hash", "ed25519", "ecdsa", "rsa"}, s.Type) {
		return nil
	}
	for setting, text := range map[string]string{"signed": s.Signed, "signed_form": s.SignedForm} {
		if text == "" {
			continue // the body
		}
		names := placeholdersOf(text)
		if what := unsignedBody(names); what != "" {
			doubts = append(doubts, Mistake{setting, what})
		}
		if s.Type == "hash" && canBeExtended(names) {
			doubts = append(doubts, Mistake{setting, "a plain hash with {secret} in front can be continued by whoever has seen one request, with no knowledge of the secret; " +
				"what such a continuation must hold is refused, but have the sender use hmac if it can, or put {secret} at the end"})
		}
	}
	return doubts
}

// unsignedBody says what of the body is not signed, "" if all of it is, or a
// field of a form that may be all of it.
func unsignedBody(names []string) string {
	const danger = ", so whoever has seen one request can send %s with it; write {body} where the sender signs it"
	parts := false
	for _, name := range names {
		kind, _, _ := strings.Cut(name, ":")
		switch kind {
		case "body", "body_sha256", "body_crc32", "form_sorted", inForm:
			return ""
		case inJSON:
			parts = true
		}
	}
	if parts {
		return "of the body only these values are signed" + strings.Replace(danger, "%s", "all others", 1)
	}
	return "the body is not signed" + strings.Replace(danger, "%s", "any other body", 1)
}

// canBeExtended reports whether something of the request follows the secret.
func canBeExtended(names []string) bool {
	at := slices.Index(names, "secret")
	return at >= 0 && slices.ContainsFunc(names[at+1:], func(name string) bool { return name != "secret" && !strings.HasPrefix(name, "param:") })
}
