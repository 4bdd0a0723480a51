package verify

import (
	"cmp"
	"slices"
	"strings"
)

// signs reports whether what stands at a place is signed, so that nobody can
// change it in a genuine request.
func (s Scheme) signs(place string) bool {
	kind, name, _ := strings.Cut(place, ":")
	switch s.Type {
	case "hmac", "hash", "ed25519", "ecdsa", "rsa":
		return s.messageSigns(place, kind, name)
	case "jwt", "plaid":
		return s.JWT != nil && s.JWT.BodyHash != nil && !s.JWT.BodyHash.Optional && kind != inHeader && kind != inQuery
	case "contentful":
		return kind != inHeader // of which the sender lists some, or does not
	case "adyen-standard", "aws-sns":
		return kind == inJSON // their ids and events are among the fields that are signed
	case "twilio", "braintree":
		return kind == inForm
	case "shopify-query":
		return kind == inQuery
	}
	return false
}

// messageSigns is signs for a scheme whose message is a template.
func (s Scheme) messageSigns(place, kind, name string) bool {
	message := cmp.Or(s.Signed, "{body}")
	if kind == inForm || kind == inFormJSON {
		message = cmp.Or(s.SignedForm, message)
	}
	names := placeholdersOf(message)
	if slices.Contains(names, place) || slices.Contains(names, "id") && slices.Contains(s.ID, place) {
		return true
	}
	field, _, _ := strings.Cut(name, ".")
	switch kind {
	case inQuery:
		return slices.Contains(names, "url")
	case inForm, inFormJSON:
		return speaksOfBody(names) || slices.Contains(names, "form_sorted") || slices.Contains(names, inForm+":"+field)
	case inJSON:
		return speaksOfBody(names)
	}
	return false
}

// marked notes of places whether they are signed.
func (s Scheme) marked(l sources) sources {
	l = slices.Clone(l)
	for i := range l {
		l[i].signed = s.signs(l[i].kind + ":" + l[i].name)
	}
	return l
}
