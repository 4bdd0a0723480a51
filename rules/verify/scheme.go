package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Scheme says in data how a provider proves that a request is its own. The
// zero value of a setting means its default; [Scheme.Compile] says what is
// missing or makes no sense.
type Scheme struct {
	Type      string `json:"type"`                // hmac, hash, token, basic, ed25519, ecdsa, rsa, jwt, mtls, or a provider's own
	Algorithm string `json:"algorithm,omitempty"` // sha1, sha256, sha384 or sha512
	Key       string `json:"key,omitempty"`       // how the secret spells the key: utf8 (default), hex, base64, whsec

	Signature  Signature  `json:"signature,omitzero"`
	Signed     string     `json:"signed,omitempty"`      // the message: "{timestamp}.{body}"; default "{body}"
	SignedForm string     `json:"signed_form,omitempty"` // the message instead, when the body is form-encoded
	Timestamp  *Timestamp `json:"timestamp,omitempty"`
	// Shapes are regular expressions that the values at places match as a whole.
	// Without them nothing would tell where one value of the message ends and the
	// next begins: "{json:time}{json:token}" signs 12 and 3 as it does 1 and 23.
	Shapes map[string]string `json:"shapes,omitempty"`

	Token  Sources `json:"token,omitempty"`  // where a token stands: header: or query:
	Prefix string  `json:"prefix,omitempty"` // in front of the token, in any case: "Bearer "

	JWT *JWT `json:"jwt,omitempty"` // what a token has to be, for type jwt
	// Public says that the keys of type jwt are public ones, where its algorithms
	// take secrets as well; else they are secrets.
	Public bool       `json:"-"`
	Keys   *KeySource `json:"keys,omitempty"` // where the provider publishes its key, if none is given

	Params map[string]Param `json:"params,omitempty"` // what a hook says beside its secret

	ID    Sources `json:"id,omitempty"`    // where the provider's delivery id stands
	Event Sources `json:"event,omitempty"` // where the event's name stands
	Apart Sources `json:"apart,omitempty"` // where several events of one id and name differ

	Handshake []string `json:"handshake,omitempty"` // requests of the provider that want an answer of their own, by their names in handshakes.json

	// What follows is data for others; nothing in this package acts on it.
	Content string   `json:"content,omitempty"` // how the body may be read: "json|form:payload"
	Respond *Respond `json:"respond,omitempty"`
	About
}

// A Param is a constant of a hook that its scheme needs beside the secret.
type Param struct {
	About    string `json:"about"`              // what it is and where it is found
	Optional bool   `json:"optional,omitempty"` // without it, what needs it is not done
	Secret   bool   `json:"secret,omitempty"`   // it must not be shown
	Receives bool   `json:"receives,omitempty"` // it is the file that keeps the secret in place of the setting, and waits for one that is not there
}

// PublishesKeys reports whether the provider publishes the key that verifies, so
// that a hook needs no secret. One that is given is used instead.
func (s Scheme) PublishesKeys() bool { return s.Keys != nil }

// Receives reports whether the provider brings the secret itself, and which param
// says where it is kept.
func (s Scheme) Receives() (param string, does bool) {
	for name, p := range s.Params {
		if p.Receives {
			return name, true
		}
	}
	return "", false
}

// SecretName is what the key of a scheme is called in settings: a password, a
// public key, or a secret.
func (s Scheme) SecretName() string {
	switch {
	case s.Type == "basic":
		return "password"
	case s.Type == "mtls":
		return "ca"
	case s.Type == "ed25519", s.Type == "ecdsa", s.Type == "rsa", s.Type == "aws-sns", s.Type == "jwt" && s.JWT != nil && (s.Public || !s.Symmetric()):
		return "public_key"
	}
	return "secret"
}

// TakesEither reports whether the scheme's keys may be secrets or public keys,
// so that whoever gives one has to say which it is, by Public.
func (s Scheme) TakesEither() bool {
	return s.Type == "jwt" && s.Symmetric() && slices.ContainsFunc(s.JWT.Algorithms, func(name string) bool { return !strings.HasPrefix(name, "HS") })
}

// Symmetric reports whether whoever can verify can also sign, which is what a
// request made for a test needs.
func (s Scheme) Symmetric() bool {
	switch s.Type {
	case "ed25519", "ecdsa", "rsa", "mtls", "aws-sns", "plaid":
		return false
	case "jwt":
		return s.JWT != nil && slices.ContainsFunc(s.JWT.Algorithms, func(name string) bool { return strings.HasPrefix(name, "HS") })
	}
	return true
}

// A Signature says where the signature stands and how it is spelt. A header
// that holds several ("t=1700000000,v1=ab12,v1=cd34") has Sep between its items,
// KV between an item's name and its value, and Key as the name that counts.
type Signature struct {
	From     Sources `json:"from"`
	Encoding string  `json:"encoding,omitempty"` // hex (default), base64 or base64url
	Prefix   string  `json:"prefix,omitempty"`   // exact and required: "sha256="
	Sep      string  `json:"sep,omitempty"`
	KV       string  `json:"kv,omitempty"`
	Key      string  `json:"key,omitempty"`
	All      bool    `json:"all,omitempty"` // every place that is present counts, not only the first; {n} in its name runs from 1 to 100
}

// A Timestamp says where the sender's time stands and how far it may be off.
type Timestamp struct {
	From      Sources `json:"from"`           // also "sig:t", an item of the signature header
	Unit      string  `json:"unit,omitempty"` // s (default), ms, us, rfc3339 or http-date
	Tolerance Window  `json:"tolerance"`      // how old it may be; default 300 s
	Future    Window  `json:"future"`         // how far ahead of us; default as Tolerance
}

// A Respond is what the provider wants to hear of each event.
type Respond struct {
	Status int    `json:"status"`
	Body   string `json:"body,omitempty"`
	Within string `json:"within,omitempty"` // the provider gives up after this: "2s"
}

// Sources are places in a request, of which the first one present wins:
// "header:X-Event", "query:auth", "form:payload", "json:event.type",
// "json:0.id". In JSON a single one may be written without the list.
type Sources []string

// UnmarshalJSON reads one source or a list of them.
func (s *Sources) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Sources{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf(`a source is a text like "header:X-Signature", or a list of them: %w`, err)
	}
	*s = list
	return nil
}

// Texts are one text or several.
type Texts []string

// UnmarshalJSON reads one text or a list of them.
func (t *Texts) UnmarshalJSON(data []byte) error { return (*Sources)(t).UnmarshalJSON(data) }

// A Window is how far a timestamp may be from our clock. Zero means the
// default. In JSON it is a number of seconds, a text like "5m", or null for
// [Unchecked].
type Window time.Duration

// Unchecked is the Window of a timestamp that is signed but not judged.
const Unchecked Window = -1

// UnmarshalJSON reads seconds, a duration or null. Zero and less are refused:
// they would either accept nothing or, misread as a default, too much.
func (w *Window) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*w = Unchecked
		return nil
	}
	d, err := readDuration(data)
	if err != nil || d <= 0 {
		return fmt.Errorf(`a time window is a positive number of seconds, a text like "5m", or null for no check; not %s`, data)
	}
	*w = Window(d)
	return nil
}

func readDuration(data []byte) (time.Duration, error) {
	var seconds int32
	if json.Unmarshal(data, &seconds) == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return 0, err
	}
	return time.ParseDuration(text)
}
