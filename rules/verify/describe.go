package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Describe says in a line what proves the sender and what is signed, in the
// words of the scheme's own settings.
func (s Scheme) Describe() string {
	switch {
	case s.Proof != "":
		return s.Proof
	case s.Type == "basic":
		return "Authorization: Basic, with user and password"
	case s.Type == "token":
		return list(s.Token) + ": " + s.Prefix + "the secret"
	case s.Type == "jwt":
		return s.describeToken()
	}
	text := list(s.Signature.From) + ": "
	if s.Signature.Key != "" {
		text += s.Signature.Key + s.Signature.KV
	}
	text += s.Signature.Prefix + "the " + cmp.Or(s.Signature.Encoding, "hex") + " " + s.kind() + " of " + cmp.Or(s.Signed, "{body}")
	if s.SignedForm != "" {
		text += ", of a form " + s.SignedForm
	}
	if s.Key != "" && s.Key != "utf8" {
		text += "; the key is in " + s.Key
	}
	return text
}

func (s Scheme) kind() string {
	algorithm := strings.ToUpper(strings.Replace(s.Algorithm, "sha", "sha-", 1))
	switch s.Type {
	case "hmac":
		return "HMAC-" + strings.Replace(algorithm, "SHA-", "SHA", 1)
	case "hash":
		return algorithm
	case "ed25519":
		return "Ed25519 signature"
	}
	return strings.ToUpper(s.Type) + " signature (" + algorithm + ")"
}

func (s Scheme) describeToken() string {
	place := list(s.Token)
	text := place + ": a token signed with " + strings.Join(s.JWT.Algorithms, " or ")
	for _, name := range slices.Sorted(maps.Keys(s.JWT.Claims)) {
		text += fmt.Sprintf(", %s is %s", name, strings.Join(s.JWT.Claims[name], " or "))
	}
	if b := s.JWT.BodyHash; b != nil {
		text += fmt.Sprintf(", %s is the %s SHA-256 of the body", b.Claim, orHex(b.Encoding))
		if b.Optional {
			text += " if it is there"
		}
	}
	return text
}

// Believed is for how long a request is believed after it was signed, 0 where
// nothing bounds that.
func (s Scheme) Believed() time.Duration {
	switch t := s.Timestamp; {
	case s.JWT != nil && s.JWT.MaxAge > 0:
		return time.Duration(s.JWT.MaxAge)
	case t == nil || t.Tolerance == Unchecked:
		return 0
	default:
		return time.Duration(cmp.Or(t.Tolerance, defaultTolerance))
	}
}

// Window says how far the sender's time may be off, "" where none is judged.
func (s Scheme) Window() string {
	switch t := s.Timestamp; {
	case s.Type == "contentful":
		return "30s"
	case s.JWT != nil && s.JWT.MaxAge > 0:
		return short(s.JWT.MaxAge)
	case t == nil || t.Tolerance == Unchecked:
		return ""
	case t.Future != 0 && t.Future != t.Tolerance:
		return short(cmp.Or(t.Tolerance, defaultTolerance)) + ", or " + short(t.Future) + " ahead"
	default:
		return short(cmp.Or(t.Tolerance, defaultTolerance))
	}
}

func short(w Window) string {
	text := time.Duration(w).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Headers are the names of those that the scheme reads.
func (s Scheme) Headers() (names []string) {
	places := slices.Concat(s.Signature.From, s.Token, s.ID, s.Event)
	if s.Timestamp != nil {
		places = append(places, s.Timestamp.From...)
	}
	switch s.Type {
	case "basic":
		places = append(places, "header:Authorization")
	case "twilio":
		places = append(places, "header:X-Twilio-Signature")
	case "contentful":
		places = append(places, "header:X-Contentful-Signature", "header:"+contentfulNames, "header:"+contentfulTime)
	case "mtls":
		places = append(places, "header:"+clientCert)
	}
	if s.Keys != nil {
		places = append(places, s.Keys.From...)
	}
	for _, p := range places {
		if name, ok := strings.CutPrefix(p, "header:"); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// SignsID reports whether the id is signed. One that is not can be changed by
// whoever sends a genuine request again. A scheme that signs nothing is not asked.
func (s Scheme) SignsID() bool {
	if s.Cover().Request {
		return true
	}
	for _, place := range s.ID {
		if !s.signs(place) {
			return false
		}
		if !strings.HasPrefix(place, "header:") {
			return true // which is in the body, and looked at before what follows
		}
	}
	return true
}

// SignsEvent reports likewise whether the event's name is signed.
func (s Scheme) SignsEvent() bool {
	return s.Cover().Request || !slices.ContainsFunc(s.Event, func(place string) bool { return !s.signs(place) })
}

// NeedsURL reports whether server.public_url is part of what is signed.
func (s Scheme) NeedsURL() bool {
	return s.Type == "twilio" || strings.Contains(s.Signed+s.SignedForm, "{url}")
}

// Example is how the scheme is written in a configuration, under the name of its
// preset.
func (s Scheme) Example(name string) string {
	env := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	secret := fmt.Sprintf(`"${env:%s_%s}"`, env, strings.ToUpper(s.SecretName()))
	if param, does := s.Receives(); does {
		return fmt.Sprintf("{%s: {%s: %s-secret}}", name, param, name)
	}
	if len(s.Params) == 0 && !s.PublishesKeys() {
		return fmt.Sprintf("{%s: %s}", name, secret)
	}
	var settings []string
	if !s.PublishesKeys() || s.Type == "plaid" {
		settings = append(settings, s.SecretName()+": "+secret)
	}
	for _, param := range slices.Sorted(maps.Keys(s.Params)) {
		if p := s.Params[param]; !p.Optional || p.Secret {
			settings = append(settings, fmt.Sprintf(`%s: "${env:%s_%s}"`, param, env, strings.ToUpper(param)))
		}
	}
	return fmt.Sprintf("{%s: {%s}}", name, strings.Join(settings, ", "))
}

// list names places: those of headers by their names alone.
func list(places Sources) string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = strings.TrimPrefix(p, "header:")
	}
	return strings.Join(names, " or ")
}
