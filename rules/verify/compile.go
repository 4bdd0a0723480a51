package verify

import (
	"cmp"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kinds are the types of scheme there are.
var kinds = map[string]func(*compiler) proof{
	"hmac":    compileHMAC,
	"hash":    compileHash,
	"token":   compileToken,
	"basic":   compileBasic,
	"ed25519": compileEd25519,
	"ecdsa":   compileECDSA,
	"rsa":     compileRSA,
	"jwt":     compileJWT,
	"mtls":    compileMTLS,

	// Of one provider each, for what no template says.
	"adyen-standard":  compileAdyen,
	"aws-sns":         compileSNS,
	"braintree":       compileBraintree,
	"contentful":      compileContentful,
	"microsoft-graph": compileGraph,
	"plaid":           compilePlaid,
	"shopify-query":   compileShopifyQuery,
	"twilio":          compileTwilio,
}

// defaultTolerance is what most providers' own libraries allow.
const defaultTolerance = Window(300 * time.Second)

// A compiler turns one scheme into a proof. It goes on after a mistake, so that
// all of them are told at once; what it returns then is never used.
type compiler struct {
	scheme   Scheme
	secrets  []Secret
	params   map[string]string
	problems []error

	// Places that the message may name, and others look at too.
	timestampFrom sources
	idFrom        sources
	needsURL      bool

	bringing []handshake
}

// Compile makes the verifier of a scheme. Several secrets are all accepted,
// which is how one is replaced by another; params are the hook's constants for
// {param:x}, and "user" for type basic. Its error names each mistaken setting
// on a line of its own and says what to write. No secret, or an empty one, is a
// mistake: it would accept everybody.
func (s Scheme) Compile(secrets []Secret, params map[string]string) (*Verifier, error) {
	compile, ok := kinds[s.Type]
	if !ok {
		return nil, fmt.Errorf("type: %s; write %s", wrongType(s.Type), oneOf(kinds))
	}
	c := &compiler{scheme: s, secrets: secrets, params: params}
	c.checkSecrets()
	c.idFrom = c.sources("id", s.ID)
	v := &Verifier{id: s.marked(c.idFrom), event: s.marked(c.sources("event", s.Event)), apart: c.sources("apart", s.Apart)}
	v.proof = compile(c)
	cover := s.Cover()
	v.signsBytes = !cover.Request && !cover.Form && cover.Fields == nil
	v.needsURL = c.needsURL
	v.handshakes = c.handshakes()
	v.bringing = c.bringing
	v.signsAny = slices.ContainsFunc(v.handshakes, func(h handshake) bool { return h.signs() })
	if err := errors.Join(c.problems...); err != nil {
		return nil, err
	}
	return v, nil
}

func wrongType(name string) string {
	if name == "" {
		return "missing"
	}
	return fmt.Sprintf("%q is not supported", name)
}

func (c *compiler) failf(setting, format string, args ...any) {
	c.problems = append(c.problems, &Mistake{setting, fmt.Sprintf(format, args...)})
}

func (c *compiler) checkSecrets() {
	name := c.scheme.SecretName()
	if len(c.secrets) == 0 && !c.scheme.PublishesKeys() {
		c.failf(name, "missing; without one anybody could send")
	}
	for i, s := range c.secrets {
		if strings.TrimSpace(s.Reveal()) == "" {
			c.failf(name, "number %d is empty; an empty secret would accept anybody", i+1)
		}
		if name == "secret" && c.scheme.Type != "plaid" && isPublicKey(s.Reveal()) {
			c.failf(name, "number %d is a public key, which everybody knows, so that anybody could sign; give the secret, or for a token that is signed with a key of two halves write it as public_key", i+1)
		}
	}
}

// unused refuses a setting that the type does not look at: whoever wrote it
// believes it protects something.
func (c *compiler) unused(setting string, isSet bool) {
	if isSet {
		c.failf(setting, "has no meaning for type %s; remove it", c.scheme.Type)
	}
}

func (c *compiler) unusedSignature(but ...string) {
	s := c.scheme
	c.unused("algorithm", s.Algorithm != "")
	c.unused("key", s.Key != "")
	c.unused("signature", len(s.Signature.From) > 0)
	c.unused("signed", s.Signed != "")
	c.unused("signed_form", s.SignedForm != "")
	c.unused("timestamp", s.Timestamp != nil && !slices.Contains(but, "timestamp"))
}

func (c *compiler) sources(setting string, texts Sources) sources {
	list := make(sources, 0, len(texts))
	for _, text := range texts {
		s, err := parseSource(text)
		switch {
		case err != nil:
			c.failf(setting, "%v", err)
		case s.kind == inSignature && setting != "timestamp.from":
			c.failf(setting, "%q is known only as a timestamp; write header:NAME or json:PATH", text)
		default:
			list = append(list, s)
		}
	}
	return list
}

func (c *compiler) algorithm() func() hash.Hash {
	return choose(c, "algorithm", c.scheme.Algorithm, algorithms)
}

// keys are the secrets as bytes.
func (c *compiler) keys() (keys [][]byte) {
	for i, s := range c.secrets {
		keys = append(keys, c.key(i, s))
	}
	return keys
}

// key is one secret as bytes.
func (c *compiler) key(number int, s Secret) []byte {
	decode := choose(c, "key", cmp.Or(c.scheme.Key, "utf8"), keyDecoders)
	if decode == nil {
		return nil
	}
	key, err := decode(s.Reveal())
	if err != nil || len(key) == 0 && s != "" { // err would quote the secret
		c.failf("secret", "number %d cannot be read as %s; copy it again from the provider", number+1, c.scheme.Key)
	}
	return key
}

func (c *compiler) signatureField() signatureField {
	s := c.scheme.Signature
	if len(s.From) == 0 {
		c.failf("signature.from", "missing; write where the signature stands, for example header:X-Signature")
	}
	if (s.KV == "") != (s.Key == "") {
		c.failf("signature", "kv and key belong together; for \"t=1,v1=ab\" write kv: \"=\" and key: v1")
	}
	return signatureField{
		from:     c.sources("signature.from", s.places()),
		all:      s.All,
		encoding: choose(c, "signature.encoding", cmp.Or(s.Encoding, "hex"), encodings),
		prefix:   s.Prefix,
		sep:      s.Sep,
		kv:       s.KV,
		key:      s.Key,
	}
}

// places spells out a numbered place.
func (s Signature) places() (places Sources) {
	for _, place := range s.From {
		if !s.All || !strings.Contains(place, "{n}") {
			places = append(places, place)
			continue
		}
		for n := range 100 {
			places = append(places, strings.ReplaceAll(place, "{n}", strconv.Itoa(n+1)))
		}
	}
	return places
}

// clock also makes the timestamp's places known to the message.
func (c *compiler) clock() *clock {
	t := c.scheme.Timestamp
	if t == nil {
		return nil
	}
	c.timestampFrom = c.sources("timestamp.from", t.From)
	if len(t.From) == 0 {
		c.failf("timestamp.from", "missing; write for example header:X-Timestamp, or sig:t for an item of the signature")
	}
	c.checkListed(c.timestampFrom)
	tolerance := cmp.Or(t.Tolerance, defaultTolerance)
	return &clock{
		from:      c.timestampFrom,
		unit:      choose(c, "timestamp.unit", cmp.Or(t.Unit, "s"), units),
		tolerance: time.Duration(tolerance),
		future:    time.Duration(cmp.Or(t.Future, tolerance)),
	}
}

func (c *compiler) checkListed(from sources) {
	isList := c.scheme.Signature.Sep != "" && c.scheme.Signature.KV != ""
	for _, s := range from {
		if s.kind == inSignature && !isList {
			c.failf("timestamp.from", "sig:%s is an item of the signature header; write signature.sep and signature.kv as well", s.name)
		}
	}
}

// choose looks a setting up among its possible values. Of an unknown one it
// returns the zero value.
func choose[T any](c *compiler, setting, name string, among map[string]T) T {
	v, ok := among[name]
	switch {
	case name == "":
		c.failf(setting, "missing; write %s", oneOf(among))
	case !ok:
		c.failf(setting, "%q is unknown; write %s", name, oneOf(among))
	}
	return v
}

func oneOf[T any](among map[string]T) string {
	names := slices.Sorted(maps.Keys(among))
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
