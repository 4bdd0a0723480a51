package verify

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A bounded text is made of few letters. How long it is is counted beside the
// expression: one that counts to 512 is compiled to 512 copies of itself, which every
// start of the program would pay for.
type bounded struct {
	least int
	of    *regexp.Regexp
}

const maxBounded = 512

func (b bounded) takes(text []byte) bool {
	return len(text) >= b.least && len(text) <= maxBounded && b.of.Match(text)
}

// repeatable is what may be repeated to whoever sends it: a token, and nothing
// that a browser or another program could take for more than a text. It is
// bounded, and needs no escaping in JSON.
var repeatable = bounded{1, regexp.MustCompile(`^[A-Za-z0-9 ._~:/+=@,;-]+$`)}

// signable is what a handshake may sign with the hook's secret: no more than a
// token that a provider makes up, so that no event can be among it.
var signable = bounded{1, regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)}

// keepable is what is taken for a secret that a provider brings: long enough to
// be one, and one line of a file.
var keepable = bounded{16, regexp.MustCompile(`^[!-~]+$`)}

// Brings reports whether a request has the form of one that brings the hook's
// secret, be it waited for or not. Its body must not be kept or shown.
func (v *Verifier) Brings(r *Request) bool {
	return slices.ContainsFunc(v.bringing, func(h handshake) bool { return h.is(r) })
}

// call visits the URL that the provider wants to see visited, and no other: of
// its own hosts, for this purpose.
func (h *handshake) call(r *Request) error {
	if h.visit == nil {
		return nil
	}
	text := h.visit.peek(r)
	u, err := url.Parse(text)
	if err != nil || !isHTTPS(text) || u.Port() != "" || u.Path != "/" || len(text) > 2048 || !anyMatches(h.Visit.Hosts, u.Host) {
		return reject("%s names a place that is not the provider's", h.visit)
	}
	for name, want := range h.Visit.Query {
		if got := u.Query()[name]; len(got) != 1 || got[0] != want {
			return reject("%s is not a URL for this", h.visit)
		}
	}
	if r.Keys == nil {
		return &Unavailable{"a URL of " + u.Host + " is to be called, and nothing here calls it"}
	}
	if _, err := r.Keys.Fetch(Document{URL: text}, false); err != nil {
		return &Unavailable{u.Host + " cannot be called: " + err.Error()}
	}
	return nil
}

func (h *handshake) answer(r *Request) (*Answer, error) {
	a := &Answer{Handshake: h.name, Status: h.Answer.Status, Header: http.Header{}}
	if h.Brings != nil {
		secret := h.brings.peek(r)
		if !keepable.takes([]byte(secret)) || !strings.HasPrefix(secret, h.Brings.Prefix) {
			return nil, reject("%s is no secret of the provider's", h.brings)
		}
		a.Secret, a.Keep = Secret(secret), h.keep
	}
	for name, text := range h.Answer.Headers {
		value, err := h.fill(r, text)
		if err != nil {
			return nil, err
		}
		if value != "" {
			a.Header.Set(name, value)
		}
	}
	body, err := h.fill(r, h.Answer.Body)
	if err != nil {
		return nil, err
	}
	a.Body = []byte(body)
	if body != "" {
		a.Header.Set("Content-Type", "text/plain; charset=utf-8")
		if h.Answer.Type != "" {
			a.Header.Set("Content-Type", h.Answer.Type)
		}
	}
	return a, nil
}

// fill puts what the request has into a text of the answer.
func (h *handshake) fill(r *Request, text string) (_ string, problem error) {
	return answerPart.ReplaceAllStringFunc(text, func(part string) string {
		m := answerPart.FindStringSubmatch(part)
		value := h.answers[m[2]].peek(r)
		switch {
		case value == "":
			return ""
		case !repeatable.takes([]byte(value)), m[1] != "" && !signable.takes([]byte(value)):
			problem = reject("%s is nothing that is repeated to a stranger", h.answers[m[2]])
			return ""
		}
		filled, err := h.apply(m[1], value)
		if err != nil {
			problem = err
		}
		return filled
	}), problem
}

func (h *handshake) apply(function, value string) (string, error) {
	mac := func() []byte {
		m := hmac.New(algorithms["sha256"], []byte(h.secret()))
		m.Write([]byte(value))
		return m.Sum(nil)
	}
	switch function {
	case "":
		return value, nil
	case "hmac-sha256-hex":
		return hex.EncodeToString(mac()), nil
	case "hmac-sha256-base64":
		return base64.StdEncoding.EncodeToString(mac()), nil
	}
	// Braintree's: the public key, and the challenge signed as a notification is.
	if !braintreeChallenge.MatchString(value) {
		return "", reject("the challenge is not one of Braintree's")
	}
	sum, err := newHMACKey(algorithms["sha1"])(braintreeKey(Secret(h.secret()))).sign(textMessage(value))
	return h.public + "|" + hex.EncodeToString(sum), err
}
