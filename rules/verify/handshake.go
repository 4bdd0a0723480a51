package verify

import (
	"crypto/hmac"
	_ "embed"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Handshake is a request with which a provider checks an address before it
// sends events there, and what it wants to hear. handshakes.json is the list of
// them; presets name theirs.
type Handshake struct {
	Method string            `json:"method"`
	When   map[string]string `json:"when,omitempty"`   // what stands where: "json:type": "url_verification"; "" is anything but nothing
	Absent Sources           `json:"absent,omitempty"` // places that must be empty
	Token  *HandshakeToken   `json:"token,omitempty"`  // what the sender must know
	Signed bool              `json:"signed,omitempty"` // it is signed as events are
	Armed  string            `json:"armed,omitempty"`  // the hook's param that must be true, or the request is an event like others
	Brings *HandshakeSecret  `json:"brings,omitempty"` // the secret that it brings
	Visit  *HandshakeVisit   `json:"visit,omitempty"`  // what is called before it is answered
	Answer HandshakeAnswer   `json:"answer"`
	Source string            `json:"source"` // where the provider says so
}

// A HandshakeToken is a text that the operator gave the provider for its
// handshake alone. A hook that has none does not take the handshake.
type HandshakeToken struct {
	At    Sources `json:"at"`
	Param string  `json:"param"`
}

// A HandshakeVisit is a URL that the provider wants called to see that the
// address is the operator's will.
type HandshakeVisit struct {
	From  Sources           `json:"from"`
	Hosts Sources           `json:"hosts"` // in the form of KeySource.Hosts
	Query map[string]string `json:"query"` // what must stand in the URL's query
}

// A HandshakeSecret is the hook's own secret, which the provider makes up and
// sends with its first request. Nothing proves that request, so it counts only
// while the operator waits for it.
type HandshakeSecret struct {
	From   Sources `json:"from"`
	Prefix string  `json:"prefix,omitempty"` // with which it begins
	Alone  bool    `json:"alone,omitempty"`  // the JSON body holds nothing else
	Param  string  `json:"param"`            // the hook's, which says where the secret is to be kept; without it nobody waits
}

// A HandshakeAnswer is what is answered. In the texts, ${json:a.b} stands for
// what the request has there, and ${hmac-sha256-hex json:a.b} for its HMAC with
// the hook's secret. A header that would be empty is left out.
type HandshakeAnswer struct {
	Status  int               `json:"status"`
	Type    string            `json:"type,omitempty"` // of the body; text/plain unless given
	Body    string            `json:"body,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// An Answer is what a provider is told that asked for a handshake.
type Answer struct {
	Handshake string // its name
	Status    int
	Header    http.Header
	Body      []byte

	Secret Secret // that the provider has brought, "" for none; the answer counts only when it is kept
	Keep   string // where, as the hook's param says
}

//go:embed handshakes.json
var handshakeFile []byte

var handshakeList = sync.OnceValue(func() map[string]Handshake {
	var list map[string]Handshake
	if err := json.Unmarshal(handshakeFile, &list); err != nil {
		panic("verify: handshakes.json: " + err.Error())
	}
	return list
})

// FindHandshake returns a handshake by its name, and whether there is one.
func FindHandshake(name string) (Handshake, bool) {
	h, ok := handshakeList()[name]
	return h, ok
}

// A handshake is one that a hook takes.
type handshake struct {
	Handshake
	name    string
	when    []condition
	absent  sources
	token   sources
	expect  func() string // what stands at token
	secret  func() string
	public  string // Braintree's public key
	answers map[string]sources
	visit   sources
	brings  sources // the secret
	keep    string  // where; "" if nobody waits for it
}

// A condition is what must stand at a place.
type condition struct {
	at   sources
	want string
}

func (c *compiler) handshakes() (list []handshake) {
	for _, name := range c.scheme.Handshake {
		h, known := FindHandshake(name)
		if !known {
			c.failf("handshake", "%q is unknown", name)
			continue
		}
		if h.Token != nil && c.params[h.Token.Param] == "" {
			continue // the operator has not set it up
		}
		if h.Armed != "" {
			switch c.params[h.Armed] {
			case "true":
			case "", "false":
				continue
			default:
				c.failf(h.Armed, "write true or false")
			}
		}
		compiled := c.handshake(name, h)
		if h.Brings != nil {
			c.bringing = append(c.bringing, compiled)
			if compiled.keep == "" {
				continue
			}
		}
		list = append(list, compiled)
	}
	return list
}

func (c *compiler) handshake(name string, h Handshake) handshake {
	compiled := handshake{Handshake: h, name: name, public: c.params["public_key"], answers: map[string]sources{}}
	for at, want := range h.When {
		compiled.when = append(compiled.when, condition{c.sources("handshake", Sources{at}), want})
	}
	compiled.absent = c.sources("handshake", h.Absent)
	if h.Token != nil {
		compiled.token = c.sources("handshake", h.Token.At)
		compiled.expect = hide(c.params[h.Token.Param])
	}
	if h.Visit != nil {
		compiled.visit = c.sources("handshake", h.Visit.From)
	}
	if h.Brings != nil {
		compiled.brings, compiled.keep = c.sources("handshake", h.Brings.From), c.params[h.Brings.Param]
	}
	if len(c.secrets) > 0 {
		compiled.secret = hide(c.secrets[0].Reveal())
	}
	for _, text := range compiled.texts() {
		for _, m := range answerPart.FindAllStringSubmatch(text, -1) {
			compiled.answers[m[2]] = c.sources("handshake", Sources{m[2]})
		}
	}
	return compiled
}

// answerPart is ${PLACE} or ${FUNCTION PLACE}.
var answerPart = regexp.MustCompile(`\$\{(?:([a-z0-9-]+) )?([a-z]+:[^}]+)\}`)

// texts are those of the answer that may have parts.
func (h *handshake) texts() []string {
	texts := []string{h.Answer.Body}
	for _, text := range h.Answer.Headers {
		texts = append(texts, text)
	}
	return texts
}

// signs reports whether anybody can have a text of their own signed by it.
func (h *handshake) signs() bool {
	return !h.Signed && slices.ContainsFunc(h.texts(), func(t string) bool { return strings.Contains(t, "${hmac-") })
}

// ShakesHands reports whether any request can be a handshake, answered or not. Of a
// Verifier that knows none, [Verifier.Handshake] and [Verifier.Brings] need not be
// asked.
func (v *Verifier) ShakesHands() bool { return len(v.handshakes)+len(v.bringing) > 0 }

// Handshake returns the answer to a request that is a handshake of the
// provider's, and nil if it is none. The error is as that of Verify: it is one,
// but not genuine, or what it wants called cannot be called now.
func (v *Verifier) Handshake(r *Request) (*Answer, error) { return v.handshake(r, v.Verify) }

// handshake is Handshake where prove says whether a signed one is genuine.
func (v *Verifier) handshake(r *Request, prove func(*Request) error) (*Answer, error) {
	if p, ok := v.proof.(*combined); ok {
		return p.handshake(r, prove)
	}
	for i := range v.handshakes {
		h := &v.handshakes[i]
		if !h.is(r) {
			continue
		}
		if h.Signed {
			if err := prove(r); err != nil {
				return nil, err
			}
		}
		if h.token != nil && !h.knowsToken(r) {
			return nil, reject("%s does not match", h.token)
		}
		if err := h.call(r); err != nil {
			return nil, err
		}
		return h.answer(r)
	}
	return nil, nil
}

// HandshakeMethods are the HTTP methods with which handshakes come.
func (v *Verifier) HandshakeMethods() (methods []string) {
	for _, h := range v.handshakes {
		if !slices.Contains(methods, h.Method) {
			methods = append(methods, h.Method)
		}
	}
	return methods
}

// maxHandshake bounds what is read of a body before anything is proven.
const maxHandshake = 64 << 10

// is reports whether the request has the form of this handshake.
func (h *handshake) is(r *Request) bool {
	if r.Method != h.Method || len(r.Body) > maxHandshake {
		return false
	}
	for _, c := range h.when {
		if got := c.at.peek(r); got == "" || c.want != "" && got != c.want {
			return false
		}
	}
	if h.Brings != nil && h.Brings.Alone && !r.jsonRoot().isAlone() {
		return false
	}
	return h.absent.peek(r) == ""
}

func (h *handshake) knowsToken(r *Request) bool {
	return hmac.Equal([]byte(h.token.peek(r)), []byte(h.expect()))
}
